import pytest

from vidcache.cli.sources import name_sources
from vidcache.config import Config
from vidcache.errors import ConfigError


def names(*sources):
    return [source.name for source in name_sources(Config(sources=list(sources)))]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("street.mp4", "street"),
        ("0", "camera0"),
        ("/dev/video2", "camera2"),
        ("rtsp://me:secret@door.local:554/stream?token=abc", "door.local_554_stream"),
        ("rtsp://door.local/day/front.mp4", "door.local_day_front"),
        ("http://camera.local/", "camera.local"),
        ("lavfi:testsrc2,realtime", "lavfi"),
    ],
)
def test_a_source_is_called_by_its_file_or_address_without_its_secrets(uri, name):
    assert names(uri) == [name]


def test_names_that_would_meet_are_numbered():
    assert names("a/clip.mp4", "b/clip.mp4", "clip.avi") == ["clip", "clip_2", "clip_3"]


def test_cameras_come_first_since_all_of_them_are_watched_at_once():
    assert names("a.mp4", "0", "b.mp4", "rtsp://door/x") == ["camera0", "door_x", "a", "b"]


def test_given_names_stand_and_a_folder_adds_its_files(tmp_path):
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / name).touch()
    config = Config(sources={"front": "0", "old ": str(tmp_path)})
    assert [source.name for source in name_sources(config)] == ["front", "old one", "old two"]


def test_no_source_at_all_is_wrong_use():
    with pytest.raises(ConfigError, match="there is no SOURCE"):
        name_sources(Config())
