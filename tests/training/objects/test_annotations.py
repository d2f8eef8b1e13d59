import numpy as np
import pytest

from vidcache.errors import DataError
from vidcache.frames import FrameResult, Track
from vidcache.training.objects.annotations import (
    ObjectAnnotation,
    ObjectTimeline,
    match_boxes,
    read_object_annotations,
    write_object_annotations,
)
from vidcache.training.objects.performances import IGNORED
from vidcache.training.objects.recordings import RecordedBatches, label_tracks, observed_truth

HEADER = "video,time,x1,y1,x2,y2,label,id\n"
KNOWN = (
    ObjectAnnotation("a.mp4", 0.0, (0.1, 0.2, 0.3, 0.8), "stand", 1),
    ObjectAnnotation("a.mp4", 1.0, (0.3, 0.2, 0.5, 0.8), "stand", 1),
    ObjectAnnotation("a.mp4", 2.0, (0.5, 0.2, 0.7, 0.8), "walk", 1),
    ObjectAnnotation("b.mp4", 0.5, (0.0, 0.0, 0.5, 1.0), "walk", 7),
)


def a_run(shift=(0.0, 0.0)):
    """Results of a run that follows person 1 of a.mp4 at 10 frames a second, 100 x 100 pixels."""
    results = []
    for index in range(20):
        left = 10 + 2 * index + shift[0] * index
        box = (left, 20 + shift[1] * index, left + 20, 80 + shift[1] * index)
        track = Track(4, "person", 0.9, box, keypoints=np.full((17, 3), 50.0, np.float32))
        other = Track(5, "person", 0.9, (80.0, 0.0, 99.0, 15.0))
        results.append(FrameResult(index, index / 10, "", (), (other, track)))
    return results


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "people.csv"
    write_object_annotations(path, reversed(KNOWN))
    assert read_object_annotations(path) == KNOWN


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.mp4,x,0,0,1,1,walk,1", "line 2: time 'x' is no time"),
        ("a.mp4,1,0,zero,1,1,walk,1", "line 2: y1 'zero' is no number"),
        ("a.mp4,1,0.5,0,0.4,1,walk,1", "line 2: the box .* is none"),
        ("a.mp4,1,10,20,110,220,walk,1", "line 2: the box .* parts of the picture"),
        ("a.mp4,1,0,0,1,1,wlak,1", "line 2: unknown label 'wlak'.*walk"),
        ("a.mp4,1,0,0,1,1,walk,he", "line 2: id 'he' is no number"),
        ("a.mp4,1,0,0,1,1,walk,1\na.mp4,1,0,0,1,1,stand,1", "line 3: person 1 .* two labels"),
        ("a.mp4,1,0,0,1,1,walk", "line 2: 7 values"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, row, message):
    path = tmp_path / "people.csv"
    path.write_text(HEADER + row + "\n")
    with pytest.raises(DataError, match=message):
        read_object_annotations(path, ("stand", "walk"))


def test_between_annotations_boxes_move_and_labels_hold_where_both_agree():
    timeline = ObjectTimeline(KNOWN, "a.mp4")
    (halfway,) = timeline.at(0.5)
    assert halfway.box == pytest.approx((0.2, 0.2, 0.4, 0.8))
    assert (halfway.id, halfway.label) == (1, "stand")
    assert [person.label for person in timeline.at(1.5)] == [None]
    assert [person.label for person in timeline.at(2.0)] == ["walk"]
    assert timeline.at(2.1) == timeline.at(-0.1) == ()
    assert ObjectTimeline(KNOWN, "a.mp4", max_gap=0.9).at(0.5) == ()


def test_every_box_is_paired_once_and_the_best_pair_first():
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10]])
    others = np.array([[1.0, 0, 11, 10], [50, 50, 60, 60]])
    assert match_boxes(boxes, others) == {1: 0}
    assert match_boxes(boxes, others[:0]) == {}


def test_a_run_is_compared_with_who_was_there():
    seen = observed_truth(a_run(), ObjectTimeline(KNOWN, "a.mp4"), (100, 100))
    assert len(seen) == 20
    assert {entry.track.id for entry in seen if entry.track} == {4}
    assert [entry.label for entry in seen] == ["stand"] * 11 + [None] * 9


def test_tracks_get_the_labels_of_the_people_that_they_follow():
    timeline = ObjectTimeline(KNOWN, "a.mp4")
    (track,) = label_tracks(a_run(), timeline, (100, 100), ("walk", "stand"))
    assert track.labels.tolist() == [1] * 11 + [IGNORED] * 9
    assert track.history.keypoints[0, 0, 0] == 50.0
    batch = next(iter(RecordedBatches([track], ("motion", "pose"), 3, seed=1, num_frames=32)))
    assert batch.labels.shape == (3, 32)
    assert (batch.labels[:, 20:] == IGNORED).all()


def test_a_camera_that_moves_along_does_not_stop_a_walker():
    timeline = ObjectTimeline(KNOWN, "a.mp4")
    # The camera follows: in its pictures the walker stays where he is.
    panned = np.array([[1.0, 0.0, -2.0], [0.0, 1.0, 0.0]])
    cameras = {index: panned for index in range(1, 20)}
    moved = [ObjectAnnotation("a.mp4", t, (0.1, 0.2, 0.3, 0.8), "walk", 1) for t in (0.0, 1.9)]
    (truth,) = label_tracks(a_run(), timeline, (100, 100), ("walk", "stand"))
    (track,) = label_tracks(
        a_run(shift=(-2.0, 0.0)),
        ObjectTimeline(moved, "a.mp4"),
        (100, 100),
        ("walk",),
        cameras=cameras,
    )
    np.testing.assert_allclose(track.history.boxes_xyxy, truth.history.boxes_xyxy, atol=1e-9)
