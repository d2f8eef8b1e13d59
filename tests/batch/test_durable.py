from pathlib import Path

import pytest

from vidcache.batch.durable import PartFiles, remove_stale_parts
from vidcache.batch.inputs import Shard


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def outputs(tmp_path):
    return {"jsonl": str(tmp_path / "deep/a.jsonl"), "video": str(tmp_path / "deep/a.mp4")}


def write(parts, text):
    for path in parts.paths.values():
        Path(path).write_text(text)


def test_outputs_have_their_names_only_when_they_are_whole(tmp_path, outputs):
    with PartFiles(outputs, "1of1") as parts:
        write(parts, "whole")
        assert all(name.endswith(".part") for name in files(tmp_path))
        assert parts.commit() == {"jsonl": 5, "video": 5}
    assert files(tmp_path) == ["deep/a.jsonl", "deep/a.mp4"]


def test_without_a_commit_nothing_is_left_and_what_was_there_stays(tmp_path, outputs):
    with PartFiles(outputs, "1of1") as parts:
        write(parts, "old")
        parts.commit()
    with PartFiles(outputs, "1of1") as parts:
        write(parts, "new")
    assert files(tmp_path) == ["deep/a.jsonl", "deep/a.mp4"]
    assert (tmp_path / "deep/a.jsonl").read_text() == "old"


def test_an_output_that_a_sink_did_not_make_is_left_out(tmp_path, outputs):
    with PartFiles(outputs, "1of1") as parts:
        Path(parts.paths["jsonl"]).touch()
        assert parts.commit() == {"jsonl": 0}
    assert files(tmp_path) == ["deep/a.jsonl"]


def test_two_attempts_at_one_file_do_not_share_parts(outputs):
    with PartFiles(outputs, "1of1") as first, PartFiles(outputs, "1of1") as second:
        assert not set(first.paths.values()) & set(second.paths.values())


def test_what_dead_runs_left_is_removed_but_not_that_of_other_shards(tmp_path, outputs):
    left = [PartFiles(outputs, tag) for tag in ("1of1", "1of2", "2of2", "1of3")]
    for parts in left:
        write(parts, "half")
    (tmp_path / "holiday.part").touch()
    assert remove_stale_parts(tmp_path, Shard(2, 2)) == 2
    assert not any("2of2" in name for name in files(tmp_path))
    assert remove_stale_parts(tmp_path, Shard()) == 6
    assert files(tmp_path) == ["holiday.part"]
