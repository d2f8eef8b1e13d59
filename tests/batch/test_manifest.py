import json
import time
from dataclasses import replace

import pytest

from vidcache.batch.inputs import Shard
from vidcache.batch.manifest import AppendOnlyFile, Entry, batch_file, read_manifests


@pytest.fixture
def entry():
    return Entry(
        name="mon/a",
        path="/clips/mon/a.mp4",
        content="c0ffee",
        settings="5e771465",
        precision="fp32",
        outputs={"jsonl": 17},
        identity=(100, 1, 2),
        frames=10,
        tainted=0,
        truncated=False,
        seconds=1.0,
        time=time.time(),
    )


def append(folder, *entries, shard=Shard()):  # noqa: B008
    with AppendOnlyFile(batch_file(folder, "manifest", shard)) as file:
        for entry in entries:
            file.append(entry.to_record())


def test_entries_are_read_back_as_they_were(tmp_path, entry):
    append(tmp_path, entry, replace(entry, name="mon/ü\udcff"))
    assert read_manifests(tmp_path) == {
        "mon/a": entry,
        "mon/ü\udcff": replace(entry, name="mon/ü\udcff"),
    }


def test_the_newest_entry_of_a_name_counts_in_whichever_shard(tmp_path, entry):
    newer = replace(entry, content="new", time=entry.time + 1)
    append(tmp_path, newer, shard=Shard(1, 2))
    append(tmp_path, entry, shard=Shard(2, 2))
    assert read_manifests(tmp_path) == {"mon/a": newer}


@pytest.mark.parametrize("length", [1, 20, -1])
def test_what_a_kill_left_of_a_line_is_cut_away(tmp_path, entry, length):
    append(tmp_path, entry)
    path = tmp_path / "manifest.jsonl"
    torn = json.dumps(replace(entry, name="torn").to_record())[:length]
    path.write_bytes(path.read_bytes() + torn.encode())
    assert set(read_manifests(tmp_path)) == {"mon/a"}
    append(tmp_path, replace(entry, name="next"))
    assert set(read_manifests(tmp_path)) == {"mon/a", "next"}
    assert path.read_bytes().count(b"\n") == 2


def test_a_line_that_is_no_entry_is_passed_over(tmp_path, entry):
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(b'\x00\x00\n{"name": "x"}\n[1]\n{"identity": 3}\n')
    append(tmp_path, entry)
    assert set(read_manifests(tmp_path)) == {"mon/a"}


def test_a_long_torn_line_is_cut_away_whole(tmp_path):
    path = tmp_path / "errors.jsonl"
    path.write_bytes(b'{"a": 1}\n' + b"x" * 200_000)
    with AppendOnlyFile(path) as file:
        file.append({"b": 2})
    assert path.read_text() == '{"a": 1}\n{"b": 2}\n'
