import numpy as np
import pytest

from vidcache.errors import InputError
from vidcache.model.object_model import TrackHistory, TrackMemory
from vidcache.model.object_model.motion_features import motion_features
from vidcache.model.object_model.pose_features import pose_features
from vidcache.model.object_model.source_features import newest_features, track_features
from vidcache.model.object_model.track_history import past_values

SOURCES = ("motion", "pose", "region")
LAST = np.array([19])


def wandering(rng, seconds):
    """A track of a person who wanders about, with keypoints that come and go."""
    count = len(seconds)
    center = np.cumsum(rng.normal(0, 4, (count, 2)), 0) + 300
    half = np.column_stack((rng.uniform(18, 30, count), rng.uniform(70, 90, count)))
    boxes = np.concatenate((center - half, center + half), 1)
    keypoints = np.empty((count, 17, 3))
    keypoints[..., :2] = center[:, None] + rng.uniform(-1, 1, (count, 17, 2)) * half[:, None]
    keypoints[..., 2] = rng.uniform(0, 1, (count, 17))
    keypoints[rng.random(count) < 0.2] = np.nan
    regions = rng.normal(size=(count, 5))
    regions[rng.random(count) < 0.2] = np.nan
    return TrackHistory(seconds, boxes, keypoints, regions)


def moved(history, matrix):
    """What a camera sees whose pixels are ``matrix`` of those given."""
    zoom = np.sqrt(np.linalg.det(matrix[:, :2]))
    center = (history.boxes_xyxy[:, :2] + history.boxes_xyxy[:, 2:]) / 2
    half = (history.boxes_xyxy[:, 2:] - history.boxes_xyxy[:, :2]) / 2 * zoom
    center = center @ matrix[:, :2].T + matrix[:, 2]
    keypoints = history.keypoints.copy()
    keypoints[..., :2] = keypoints[..., :2] @ matrix[:, :2].T + matrix[:, 2]
    boxes = np.concatenate((center - half, center + half), 1)
    return TrackHistory(history.seconds, boxes, keypoints, history.regions)


@pytest.mark.parametrize("rate", [3, 5, 10, 25, 29.97, 60])
def test_the_stream_has_the_features_of_the_whole_track_to_the_bit(rate):
    rng = np.random.default_rng(int(rate))
    seconds = np.cumsum(rng.choice([0, 1, 1, 1, 4], 120) / rate)
    track = wandering(rng, seconds)
    whole = track_features(track, SOURCES, 5)
    memory = TrackMemory()
    for index in range(len(track)):
        memory.add(
            seconds[index], track.boxes_xyxy[index], track.keypoints[index], track.regions[index]
        )
        newest = newest_features(memory.history(), SOURCES, 5)
        for source in SOURCES:
            assert np.array_equal(newest[source].values[0], whole[source].values[index])
            assert newest[source].present[0] == whole[source].present[index]


def test_features_do_not_see_a_camera_whose_movement_is_given():
    rng = np.random.default_rng(3)
    track = wandering(rng, np.arange(40) / 10)
    still, moving = TrackMemory(), TrackMemory()
    step = np.array([[1.01, 0.0, 6.0], [0.0, 1.01, -2.0]])
    total = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    for index in range(len(track)):
        if index % 7 == 3:
            moving.move_camera(step)
        else:
            still.add(track.seconds[index], track.boxes_xyxy[index], track.keypoints[index])
            seen = moved(track, total)
            moving.add(
                seen.seconds[index],
                seen.boxes_xyxy[index],
                seen.keypoints[index],
                camera=step if index else None,
            )
            expected = newest_features(still.history(), SOURCES[:2])
            found = newest_features(moving.history(), SOURCES[:2])
            for source in SOURCES[:2]:
                np.testing.assert_allclose(found[source].values, expected[source].values, atol=1e-5)
        shift = step[:, :2] @ total[:, 2:] + step[:, 2:]
        total = np.concatenate((step[:, :2] @ total[:, :2], shift), 1)


def test_a_steady_walk_has_one_velocity_at_every_frame_rate():
    velocities = []
    for rate in (5, 10, 30, 60):
        seconds = np.arange(2 * rate) / rate
        left = 100 + 80 * seconds
        boxes = np.column_stack((left, seconds * 0 + 50, left + 40, seconds * 0 + 150))
        history = TrackHistory.of_boxes(seconds, boxes)
        velocities.append(motion_features(history, np.array([len(seconds) - 1]))[0])
    for other in velocities[1:]:
        np.testing.assert_allclose(velocities[0], other, atol=1e-9)
    assert velocities[0][0] == pytest.approx(np.arcsinh(3 * 0.8))


def test_a_hidden_keypoint_leaves_the_others_as_they_are():
    rng = np.random.default_rng(5)
    track = wandering(rng, np.arange(20) / 10)
    keypoints = rng.uniform(100, 200, (20, 17, 3))
    keypoints[..., 2] = 0.9
    seen, _ = pose_features(TrackHistory.of_boxes(track.seconds, track.boxes_xyxy, keypoints), LAST)
    keypoints[:, 9, 2] = 0.1
    hidden, present = pose_features(
        TrackHistory.of_boxes(track.seconds, track.boxes_xyxy, keypoints), LAST
    )
    changed = np.flatnonzero(seen[0] != hidden[0])
    assert present.all()
    assert np.array_equal(hidden[0, changed], np.zeros(len(changed)))
    assert len(changed) == 7


@pytest.mark.parametrize(("height", "counts"), [(90.0, False), (110.0, True)])
def test_the_pose_of_a_small_body_does_not_count(height, counts):
    boxes = np.tile([0.0, 0.0, 40.0, height], (5, 1))
    keypoints = np.full((5, 17, 3), 20.0)
    history = TrackHistory.of_boxes(np.arange(5) / 10, boxes, keypoints)
    assert pose_features(history, np.array([4]))[1].tolist() == [counts]


def test_a_memory_forgets_what_is_older_than_a_second():
    memory = TrackMemory()
    for index in range(100):
        memory.add(index / 50, (0, 0, 10, 20))
    assert len(memory) == 51
    memory.add(100.0, (0, 0, 10, 20))
    assert len(memory) == 1
    memory.clear()
    with pytest.raises(InputError, match="empty"):
        memory.history()


def test_values_after_a_long_gap_are_not_compared_with_those_before():
    seconds, values = np.array([0.0, 0.1, 5.0]), np.array([[1.0], [2.0], [9.0]])
    then, elapsed = past_values(seconds, values, np.array([2]), 0.4)
    assert then.tolist() == [[9.0]]
    assert elapsed.tolist() == [0.0]


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ((0.5, (0, 0, 10, 20)), "in the order of their times"),
        ((1.0, (5, 5, 5, 9)), "is empty"),
        ((1.0, (0, 0, float("nan"), 9)), "is empty"),
        ((1.0, (0, 0, 10, 20), np.zeros((18, 3))), r"give \(17, 3\)"),
        ((1.0, (0, 0, 10, 20), None, None, np.zeros((2, 3))), "without area"),
        ((1.0, (0, 0, 10, 20), None, None, np.eye(3)), r"finite \(2, 3\)"),
    ],
)
def test_an_observation_that_cannot_be_is_refused(observation, message):
    memory = TrackMemory()
    memory.add(0.9, (0, 0, 10, 20))
    with pytest.raises(InputError, match=message):
        memory.add(*observation)
