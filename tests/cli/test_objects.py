"""``--actions per-object`` on the command line, on rendered figures and with the real detector."""

import csv
from pathlib import Path

import pytest
from object_script import LABELS, make_object_model

from vidcache.video import read_jsonl

SAMPLE = Path(__file__).parents[2] / "sample_videos" / "actions.mp4"
NUM_FRAMES = 30


@pytest.fixture
def flags(tmp_path):
    """Flags of a run with a model of random weights, and the bundled detector."""
    pytest.importorskip("ultralytics", reason="needs the extra 'run'")
    model, config = tmp_path / "objects.safetensors", tmp_path / "my.yaml"
    make_object_model().save(model)
    config.write_text("objects: {pose: none}\n")
    return (
        *("--actions", "per-object", "--object-model", model, "--config", config),
        *("--detector", "bundled", "--max-frames", NUM_FRAMES),
    )


def test_every_person_is_labelled_in_all_outputs(call, flags, tmp_path):
    jsonl, table, video = (tmp_path / f"out.{kind}" for kind in ("jsonl", "csv", "mp4"))
    code, out, _ = call("run", SAMPLE, *flags, "--jsonl", jsonl, "--csv", table, "--video", video)
    assert code == 0
    assert "actions of each, added up: " in out
    recording = read_jsonl(jsonl)
    assert recording.header["labels"] == recording.header["object_labels"] == list(LABELS)
    people = [track for result in recording.frames for track in result.objects]
    assert len(people) > NUM_FRAMES // 2
    assert {track.action for track in people} <= {*LABELS, "unsure"}
    assert all(0 < track.action_score <= 1 for track in people)
    assert recording.end["cache"]["objects"]["tracks"] >= 1
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["id"]]
    shown = [(track.action, str(round(track.action_score, 4))) for track in people]
    assert [(row["object_action"], row["object_action_score"]) for row in rows] == shown
    assert video.stat().st_size > 10_000


def test_a_batch_labels_every_person_too(call, flags, tmp_path):
    code, _, err = call("batch", SAMPLE, "--out", tmp_path / "out", "--workers", 1, *flags)
    assert (code, err) == (0, "")
    recording = read_jsonl(tmp_path / "out" / "actions.jsonl")
    assert all(track.action for result in recording.frames for track in result.objects)
    assert recording.header["object_labels"] == list(LABELS)


def test_what_is_labelled_is_frame_per_object_or_both(call):
    code, _, err = call("run", SAMPLE, "--actions", "people")
    assert code == 2
    assert "'people' is not allowed" in err
    assert "'frame', 'per-object' or 'both'" in err
    code, _, err = call("run", SAMPLE, "--actions", "both", "--detector", "none")
    assert code == 2
    assert "labels what a detector finds" in err
