"""Rows of objects: born, kept, freed, and never more than are needed."""

import numpy as np
import pytest
from object_script import make_object_model

from vidcache.frames import Track
from vidcache.pipeline.object_memory import ObjectMemory
from vidcache.pipeline.object_rows import ObjectRows


def track(number, left=0.0):
    return Track(number, "person", 0.9, (left, 2.0, left + 8.0, 26.0))


class Moving:
    """A camera that moves a pixel to the right with every frame."""

    def __init__(self):
        self.num_resets = 0

    def update(self, image_rgb, boxes_xyxy):
        return np.array([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]])

    def reset(self):
        self.num_resets += 1


@pytest.fixture
def rows(object_model):
    return ObjectRows(object_model)


def make_memory(rows, **settings):
    settings = {"keep_seconds": 1.0, "max_tracks": 8, **settings}
    memory = ObjectMemory(rows, ("stand", "walk", "run"), **settings)
    memory.begin(0)
    return memory


def test_ten_thousand_short_tracks_need_no_more_than_those_that_are_remembered_at_once():
    rows = ObjectRows(make_object_model(("motion",)))
    memory = make_memory(rows, max_tracks=256)
    sizes = set()
    for frame in range(500):
        memory.update([track(20 * frame + number) for number in range(20)], frame / 4)
        if frame >= 4:
            sizes.add((rows.num_rows, rows.num_used, rows.nbytes, len(memory)))
    # Twenty in view, and as many from each of the four frames of the last second.
    assert {size[:2] for size in sizes} == {(128, 100)}
    assert len(sizes) == 1
    assert memory.stats()["tracks"] == 10_000
    memory.forget()
    assert (rows.num_used, len(memory)) == (0, 0)


def test_a_track_that_comes_back_goes_on_and_one_that_was_away_too_long_begins_anew(rows):
    def scores_after(pause):
        memory = make_memory(rows)
        for frame in range(5):
            memory.update([track(1, 3.0 * frame)], frame / 10)
        memory.update([], 0.5)
        return memory.update([track(1, 20.0)], 0.4 + pause)[1]

    def scores_of_a_newcomer(seconds):
        return make_memory(rows).update([track(1, 20.0)], seconds)[1]

    assert scores_after(0.9) != scores_of_a_newcomer(1.3)
    assert scores_after(1.5) == scores_of_a_newcomer(1.9)


def test_the_one_not_seen_for_longest_makes_room_and_nobody_in_view_does(rows):
    memory = make_memory(rows, max_tracks=3)
    for number in (1, 2, 3):
        memory.update([track(number)], number / 10)
    memory.update([track(1), track(4)], 0.5)
    assert memory.stats()["evicted"] == 1
    assert memory.repeat([track(2)]) == {2: ()}
    assert memory.repeat([track(3)]) != {3: ()}
    scores = memory.update([track(n) for n in (1, 4, 5, 6)], 0.6)
    assert [bool(scores[n]) for n in (1, 4, 5, 6)] == [True, True, True, False]
    assert (len(memory), rows.num_used) == (3, 3)


def test_numbers_of_another_session_are_other_objects(rows):
    memory = make_memory(rows)
    before = memory.update([track(1)], 0.0)
    memory.begin(0)
    assert memory.repeat([track(1)]) == before
    memory.begin(1)
    assert memory.repeat([track(1)]) == {1: ()}
    assert rows.num_used == 0


def test_what_is_remembered_moves_with_the_camera(rows):
    still, moving = make_memory(rows), make_memory(rows, camera=Moving())
    picture = np.zeros((32, 48, 3), np.uint8)
    for frame in range(8):
        # Somebody who stands, in the pixels of a camera that moves to the right.
        left = 20.0 - frame
        moving.follow_camera(picture, [track(1, left)])
        seen = [] if frame == 5 else [track(1, left)]
        of_moving = moving.update(seen, frame / 10)
        of_still = still.update([] if frame == 5 else [track(1, 20.0)], frame / 10)
        scores = [[s.score for s in of.get(1, ())] for of in (of_moving, of_still)]
        np.testing.assert_allclose(*scores, atol=1e-5)


def test_without_anybody_the_camera_is_not_followed(rows):
    camera = Moving()
    memory = make_memory(rows, camera=camera)
    before = camera.num_resets
    memory.follow_camera(np.zeros((32, 48, 3), np.uint8), [])
    assert camera.num_resets == before + 1


def test_rows_of_one_source_are_not_those_of_another(rows):
    one, other = make_memory(rows), make_memory(rows)
    together = [
        (one.update([track(1, 2.0 * f)], f / 10), other.update([track(1)], f / 10))
        for f in range(6)
    ]
    alone = make_memory(rows)
    assert [alone.update([track(1, 2.0 * f)], f / 10) for f in range(6)] == [
        mine for mine, _ in together
    ]
    assert rows.num_used == 3


def test_a_picture_of_another_size_shows_the_same_scene(rows):
    small, large = np.zeros((32, 48, 3), np.uint8), np.zeros((64, 96, 3), np.uint8)
    same, grown = make_memory(rows), make_memory(rows)
    for frame in range(8):
        left = 3.0 * frame
        as_before, scale = track(1, left), 1 if frame < 4 else 2
        box = tuple(scale * edge for edge in as_before.box_xyxy)
        same.follow_camera(small, [as_before])
        grown.follow_camera(small if scale == 1 else large, [as_before])
        expected = same.update([as_before], frame / 10)[1]
        found = grown.update([Track(1, "person", 0.9, box)], frame / 10)[1]
        assert [s.label for s in found] == [s.label for s in expected]
        np.testing.assert_allclose([s.score for s in found], [s.score for s in expected], atol=1e-5)


def test_who_is_in_frames_that_lie_far_apart_was_not_away(rows):
    memory = make_memory(rows, keep_seconds=0.0)
    for second in range(5):
        memory.update([track(1, 3.0 * second)], float(second))
    assert memory.stats()["tracks"] == 1
    memory.update([], 5.0)
    assert len(memory) == 0
