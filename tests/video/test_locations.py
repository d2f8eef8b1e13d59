from pathlib import Path

import pytest

from vidcache.errors import SourceError
from vidcache.video import expand_sources, hide_credentials
from vidcache.video.locations import locate


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("rtsp://admin:s3cret@cam.local:554/live", "rtsp://***@cam.local:554/live"),
        ("rtsp://admin:p@ss:word@cam.local/live", "rtsp://***@cam.local/live"),
        (
            "http://cam/v.mjpg?user=a&password=b&channel=1",
            "http://cam/v.mjpg?user=***&password=***&channel=1",
        ),
        ("https://cam/v.m3u8?Token=abc", "https://cam/v.m3u8?Token=***"),
        ("/videos/a@b.mp4", "/videos/a@b.mp4"),
    ],
)
def test_credentials_are_hidden(uri: str, shown: str) -> None:
    assert hide_credentials(uri) == shown
    assert locate(uri).shown == shown
    assert locate(uri).address == uri


@pytest.mark.parametrize(
    ("uri", "kind", "number"),
    [
        (0, "camera", 0),
        ("2", "camera", 2),
        ("/dev/video3", "camera", 3),
        ("rtsp://cam/live", "network", None),
        ("https://host/v.mp4", "web", None),
        ("lavfi:testsrc2=rate=25", "lavfi", None),
        ("clip.mp4", "file", None),
    ],
)
def test_a_uri_names_a_kind_of_place(uri: str | int, kind: str, number: int | None) -> None:
    location = locate(uri)
    assert location.kind == kind
    assert location.camera_number == number


def test_a_file_uri_is_a_path() -> None:
    assert locate("file:///videos/my%20clip.mp4").address == "/videos/my clip.mp4"


def test_a_folder_stands_for_its_videos_in_natural_order(tmp_path: Path) -> None:
    for name in ("cam10.mp4", "cam2.MP4", "cam1.mkv", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    found = [Path(name).name for name in expand_sources(tmp_path)]
    assert found == ["cam1.mkv", "cam2.MP4", "cam10.mp4"]


def test_a_pattern_stands_for_the_files_that_match(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.mp4", "a.mp4", "deep/c.mp4", "d.txt"):
        (tmp_path / name).touch()
    assert [Path(name).name for name in expand_sources(f"{tmp_path}/*.mp4")] == ["a.mp4", "b.mp4"]
    assert len(expand_sources(f"{tmp_path}/**/*.mp4")) == 3


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "take[1].mp4"
    path.touch()
    assert expand_sources(path) == [str(path)]


def test_what_is_no_folder_and_no_pattern_is_given_back(tmp_path: Path) -> None:
    assert expand_sources("rtsp://cam/live?x=*") == ["rtsp://cam/live?x=*"]
    assert expand_sources(0) == ["0"]
    assert expand_sources("lavfi:testsrc2") == ["lavfi:testsrc2"]
    assert expand_sources(tmp_path / "none.mp4") == [str(tmp_path / "none.mp4")]


def test_an_empty_folder_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no videos in it \(files ending"):
        expand_sources(tmp_path)


def test_a_pattern_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file matches"):
        expand_sources(f"{tmp_path}/*.mp4")


def test_an_empty_source_is_an_error() -> None:
    with pytest.raises(SourceError, match="empty"):
        locate(" ")
