import json
from itertools import islice
from pathlib import Path

import pytest

from vidcache.tracking import UltralyticsTracker
from vidcache.training.objects.annotations import ObjectAnnotation, write_object_annotations
from vidcache.video import open_source
from vidcache.video.sinks.mp4_writer import Mp4Writer

SAMPLE = Path(__file__).parents[2] / "sample_videos" / "actions.mp4"
FRAMES = 24


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """A real second of the sample video, labelled: its first half and its second."""
    folder = tmp_path_factory.mktemp("people")
    tracker = UltralyticsTracker("bundled", classes=["person"])
    known = []
    with open_source(str(SAMPLE)) as source:
        width, height = source.size
        with Mp4Writer(folder / "clip.mp4", source.size, 12.5) as writer:
            for frame in islice(source, FRAMES):
                writer.write(frame.image_rgb, frame.pts_seconds)
                label = "early" if frame.index < FRAMES // 2 else "late"
                for track in tracker.update(frame.image_rgb):
                    sides = (width, height) * 2
                    edges = (e / side for e, side in zip(track.box_xyxy, sides, strict=True))
                    known.append(
                        ObjectAnnotation(
                            "clip.mp4", frame.pts_seconds, tuple(edges), label, track.id
                        )
                    )
    write_object_annotations(folder / "labels.csv", known)
    return folder / "labels.csv"


def test_what_was_learnt_of_people_labels_people(call, labels, tmp_path):
    clip = labels.with_name("clip.mp4")
    out = tmp_path / "taught"
    options = ("--sources", "motion", "--detector", "bundled", "--steps", 4)
    code, told, err = call("train-objects", labels, "--out", out, *options)
    assert code == 0, err
    assert f"--object-model {out}" in told
    code, results, err = call(
        "run", clip, "--actions", "per-object", "--object-model", out, "--detector", "bundled"
    )
    assert code == 0, err
    header, *frames = (json.loads(line) for line in results.splitlines())
    assert header["object_labels"] == ["early", "late"]
    shown = {o["action"] for f in frames if f["type"] == "frame" for o in f["objects"]}
    assert shown <= {"early", "late", "unsure"}
    assert shown
    code, _, err = call("train-objects", labels, "--out", out, *options)
    assert code == 2
    assert "go on with it by --resume" in err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--videos", "nowhere"), "there is no video nowhere/clip.mp4: give its folder"),
        (("--sources", "smell"), "sources are ('smell',): give some of"),
        (("--held-out", "1"), "--held-out is 1.0: give a part from 0 to below 1"),
        (("--steps", "0"), "--steps is 0: give at least 1"),
        (("--start", "nobody"), "there is no object model 'nobody'"),
        (("--detector", "none"), "--detector is none: name one that finds people"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(call, labels, tmp_path, options, complaint):
    code, _, err = call("train-objects", labels, "--out", tmp_path / "out", *options)
    assert code in (1, 2)
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
