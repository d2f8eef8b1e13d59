"""Trackers go on through frames that no detector has looked at."""

import numpy as np
import pytest

from vidcache.errors import ConfigError
from vidcache.tracking import PredictingTracker, UltralyticsTracker, tracker_names
from vidcache.tracking.box_overlaps import box_overlaps

SIZE = (120, 420)


def walker(index, speed=6):
    return (10 + speed * index, 20, 50 + speed * index, 100)


def follow(tracker, pictures, every):
    """Looks at every n-th picture and predicts the others."""
    return [
        tracker.predict(picture) if index % every else tracker.update(picture)
        for index, picture in enumerate(pictures)
    ]


def overlap(one, other):
    return float(box_overlaps(np.array([one]), np.array([other]))[0, 0])


@pytest.fixture(scope="module")
def walking(draw):
    """Draws one object that walks steadily, and one that stands, before a wall with a pattern."""
    noise = np.random.default_rng(0).integers(0, 120, (12, 42, 1), np.uint8)
    wall = np.kron(noise, np.ones((10, 10, 3), np.uint8))

    def _walking(speed):
        pictures = [draw(walker(i, speed), (370, 20, 410, 100), size=SIZE) for i in range(50)]
        return [np.where(picture.any(2, keepdims=True), picture, wall) for picture in pictures]

    return _walking


# Between the first two looks an object must not walk out of its own box.
@pytest.mark.parametrize(("every", "speed"), [(2, 6), (3, 5), (5, 3)])
@pytest.mark.parametrize("name", tracker_names())
def test_every_shipped_tracker_moves_a_steady_walker_to_where_it_is(
    name, every, speed, colours, walking
):
    tracker = UltralyticsTracker(colours(), tracker=name)
    pictures = walking(speed)
    tracks = follow(tracker, pictures, every)
    assert tracker.detector.num_looks == -(-len(pictures) // every)
    assert isinstance(tracker, PredictingTracker)
    assert tracker.can_predict
    # The first looks tell how fast it walks.
    for index in range(4 * every + 1, len(pictures)):
        assert [t.id for t in tracks[index]] == [1, 2], index
        red = next(t for t in tracks[index] if t.label == "red")
        other = next(t for t in tracks[index] if t.label == "other")
        assert overlap(red.box_xyxy, walker(index, speed)) > 0.8, index
        assert overlap(other.box_xyxy, (370, 20, 410, 100)) > 0.9, index


@pytest.mark.parametrize("name", tracker_names())
def test_looking_at_every_frame_is_what_it_was(name, colours, walking):
    one, other = (UltralyticsTracker(colours(), tracker=name) for _ in range(2))
    pictures = walking(6)
    assert follow(one, pictures, 1) == [other.update(picture) for picture in pictures]


@pytest.mark.parametrize("name", tracker_names())
def test_an_object_keeps_its_number_when_it_is_hidden_for_some_looks(name, colours, draw):
    hidden = range(24, 36)
    pictures = [draw(*([] if i in hidden else [walker(i, speed=2)]), size=SIZE) for i in range(60)]
    tracks = follow(UltralyticsTracker(colours(), tracker=name), pictures, 3)
    assert [t.id for t in tracks[20]] == [t.id for t in tracks[50]] == [1]
    # The first look that misses it is the end of its boxes.
    assert all(tracks[i] == () for i in hidden)


@pytest.mark.parametrize(("away", "number"), [(18, 1), (36, 2)])
def test_lost_objects_are_kept_for_as_many_frames_as_ever(away, number, colours, draw):
    there, gone = draw(walker(0), size=SIZE), draw(size=SIZE)
    pictures = [there] * 12 + [gone] * away + [there] * 12
    settings = {"track_buffer": 24}
    for every in (1, 3):
        tracker = UltralyticsTracker(colours(), tracker_settings=settings)
        assert [t.id for t in follow(tracker, pictures, every)[-1]] == [number], every


def test_a_box_that_leaves_the_picture_is_cut_and_then_not_shown(colours, draw):
    tracker = UltralyticsTracker(colours())
    for index in range(8):
        tracker.update(draw(walker(index, speed=12), size=(120, 160)))
    # It goes on to the right by 12 pixels a frame; its left edge is at 94.
    empty = draw(size=(120, 160))
    boxes = [[track.box_xyxy for track in tracker.predict(empty)] for _ in range(12)]
    assert boxes[2][0][2] == 160
    assert all(right <= 160 for found in boxes for _, _, right, _ in found)
    assert boxes[-1] == []


def test_predicted_objects_have_the_score_of_the_last_look_and_no_keypoints(colours, draw):
    tracker = UltralyticsTracker(colours())
    (seen,) = tracker.update(draw((10, 20, 50, 100)))
    (moved,) = tracker.predict(draw((10, 20, 50, 100)))
    assert (moved.id, moved.label, moved.score) == (seen.id, seen.label, seen.score)
    assert moved.keypoints is None


def test_nothing_is_predicted_before_the_first_look_of_a_session(colours, draw):
    tracker = UltralyticsTracker(colours())
    picture = draw((10, 20, 50, 100))
    assert tracker.predict(picture) == ()
    assert len(tracker.update(picture)) == len(tracker.predict(picture)) == 1
    tracker.reset()
    assert tracker.predict(picture) == ()
    # The first look confirms at once, however late it comes.
    assert [track.id for track in tracker.update(picture)] == [1]


@pytest.mark.parametrize("name", tracker_names())
def test_it_wants_a_look_while_somebody_new_waits_to_be_confirmed(name, colours, draw):
    tracker = UltralyticsTracker(colours(), tracker=name)
    one, two = draw(walker(0), size=SIZE), draw(walker(0), (370, 20, 410, 100), size=SIZE)
    for _ in range(4):
        tracker.update(one)
    assert not tracker.wants_look
    tracker.update(two)
    assert tracker.wants_look
    while tracker.wants_look:
        tracker.update(two)
    assert len(tracker.predict(two)) == 2


def test_predicted_boxes_follow_a_camera_whose_movement_the_tracker_takes_out(colours):
    noise = np.random.default_rng(0).integers(0, 120, (30, 90, 1), np.uint8)
    world = np.kron(noise, np.ones((10, 10, 3), np.uint8))
    world[100:200, 400:460] = (200, 0, 0)
    still, moved = world[:, 0:600], world[:, 30:630]
    for name in ("botsort", "tracktrack"):
        tracker = UltralyticsTracker(colours(), tracker=name)
        for _ in range(5):
            tracker.update(still)
        (track,) = tracker.predict(moved)
        assert track.box_xyxy == pytest.approx((370, 100, 430, 200), abs=4), name


def test_a_tracker_whose_insides_are_unknown_does_not_predict(monkeypatch, colours, draw):
    tracker = UltralyticsTracker(colours())
    monkeypatch.setattr("vidcache.tracking.tracker.PREDICTING_TRACKERS", ("ocsort",))
    assert not tracker.can_predict
    with pytest.raises(ConfigError, match=r"bytetrack cannot go on without.*ocsort"):
        tracker.predict(draw())
