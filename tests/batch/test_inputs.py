from pathlib import Path

import pytest

from vidcache.batch import Shard, collect_inputs
from vidcache.errors import ConfigError


def names(*paths, **options):
    return sorted(file.name for file in collect_inputs([str(path) for path in paths], **options))


def test_a_folder_gives_the_videos_in_all_of_its_folders(video_folder):
    (video_folder / "mon" / "notes.txt").touch()
    (video_folder / ".hidden").mkdir()
    (video_folder / ".hidden" / "x.mp4").touch()
    (video_folder / "mon" / ".half.mp4").touch()
    assert names(video_folder) == ["mon/a", "mon/b", "tue/a", "tue/deep/c"]
    assert names(video_folder / "tue", recursive=False) == ["a"]


def test_outputs_keep_the_places_below_what_the_paths_share(video_folder):
    assert names(video_folder / "mon", video_folder / "tue") == names(video_folder)
    assert names(video_folder / "mon/a.mp4", video_folder / "tue/a.mp4") == ["mon/a", "tue/a"]
    assert names(video_folder / "mon/a.mp4") == ["a"]
    assert names(f"{video_folder}/*/a.mp4") == ["mon/a", "tue/a"]
    assert names(video_folder / "mon/a.mp4", root=video_folder) == ["mon/a"]


def test_a_file_outside_the_root_is_refused(video_folder):
    with pytest.raises(ConfigError, match="does not lie in"):
        names(video_folder / "mon", root=video_folder / "tue")


def test_files_that_differ_in_their_endings_keep_them(tmp_path):
    for name in ("a.mp4", "a.mkv", "b.mp4", "a.mp4.mov"):
        (tmp_path / name).touch()
    assert names(tmp_path) == ["a.mkv", "a.mp4", "a.mp4.mov", "b"]


def test_outputs_never_take_the_names_of_the_account(tmp_path):
    for name in ("manifest.mp4", "errors.2of8.mp4", "x.mp4"):
        (tmp_path / name).touch()
    assert names(tmp_path) == ["errors.2of8.mp4", "manifest.mp4", "x"]


def test_what_is_named_is_listed_whatever_it_is(tmp_path):
    (tmp_path / "film.dat").touch()
    (tmp_path / "void").mkdir()
    listed = names(tmp_path / "film.dat", tmp_path / "missing.mp4", tmp_path / "void")
    assert listed == ["film", "missing", "void"]


def test_a_folder_called_like_a_video_is_listed_unless_videos_are_in_it(tmp_path):
    for name in ("empty.mp4", "full.mp4"):
        (tmp_path / name).mkdir()
    (tmp_path / "full.mp4" / "a.mp4").touch()
    (tmp_path / "plain").mkdir()
    assert names(tmp_path) == ["empty", "full.mp4/a"]
    assert names(f"{tmp_path}/*") == ["empty", "full.mp4/a"]


def test_a_file_is_listed_once_however_often_it_is_named(video_folder):
    again = video_folder / "mon" / ".." / "mon"
    assert len(names(video_folder, video_folder / "mon/a.mp4", video_folder / "mon")) == 4
    assert len(collect_inputs([str(video_folder / "mon/a.mp4"), f"{again}/*.mkv"])) == 2


def test_the_folder_of_the_outputs_is_not_searched(video_folder):
    out = video_folder / "out"
    out.mkdir()
    (out / "a.mp4").touch()
    assert names(video_folder, exclude=out) == ["mon/a", "mon/b", "tue/a", "tue/deep/c"]


def test_a_pattern_without_a_match_is_listed_itself(tmp_path):
    (file,) = collect_inputs([f"{tmp_path}/*.mp4"])
    assert file.path == f"{tmp_path}/*.mp4"


@pytest.mark.parametrize("path", ["rtsp://u:secret@host/x", "lavfi:testsrc2", "https://host/a.mp4"])
def test_only_files_are_taken(path):
    with pytest.raises(ConfigError, match="not a file") as caught:
        collect_inputs([path])
    assert "secret" not in str(caught.value)


def test_shards_share_the_files_out_without_a_rest():
    all_names = [f"folder/{number}" for number in range(200)]
    shards = [Shard(number, 3) for number in (1, 2, 3)]
    owners = [[shard.holds(name) for shard in shards] for name in all_names]
    assert all(sum(row) == 1 for row in owners)
    assert all(40 < sum(column) < 100 for column in zip(*owners, strict=True))


def test_the_share_of_a_file_is_the_same_on_every_machine():
    owners = [next(i for i in range(1, 5) if Shard(i, 4).holds(name)) for name in "abcd"]
    assert owners == [4, 2, 4, 4]


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_does_not_exist_is_refused(text):
    with pytest.raises(ConfigError, match=r"shard"):
        Shard.parse(text)


def test_a_path_that_is_a_link_counts_under_its_own_name(video_folder):
    link = video_folder / "link.mp4"
    link.symlink_to(Path("mon") / "a.mp4")
    assert "link" in names(video_folder)
