import threading

import pytest
from in_memory import BrightestSpot, ListSource, make_frames

from vidcache.pipeline import Pipeline
from vidcache.pipeline.actions import ActionStage
from vidcache.pipeline.gap_policy import GapAction
from vidcache.pipeline.stages import Stages
from vidcache.pipeline.work import Work


class Noting(BrightestSpot):
    """A tracker in two steps that notes the shapes of pictures, and whether they are not black."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def look(self, images_rgb):
        self.seen += [(image.shape, bool(image.any())) for image in images_rgb]
        return list(images_rgb)

    def follow(self, seen):
        return self.update(seen)


def make_work(seat, frames) -> Work:
    return Work(
        seat=seat,
        tracker=None,
        frames=tuple(frames),
        gaps=len(frames) * ((),),
        actions=len(frames) * (GapAction(),),
        seconds=tuple(frame.pts_seconds for frame in frames),
        is_live=False,
        is_last=False,
    )


def test_pictures_are_encoded_while_the_head_is_at_those_before_them(small_model, monkeypatch):
    num_encoded, both_encoded = [], threading.Event()
    encode, score = ActionStage.encode, ActionStage.score

    def count(stage, works):
        tasks = encode(stage, works)
        num_encoded.append(len(works))
        if len(num_encoded) == 2:
            both_encoded.set()
        return tasks

    def wait(stage, tasks):
        assert both_encoded.wait(60), "the head waited for, the second group was not encoded"
        return score(stage, tasks)

    monkeypatch.setattr(ActionStage, "encode", count)
    monkeypatch.setattr(ActionStage, "score", wait)
    frames = make_frames(8)
    stages = Stages(small_model, None)
    try:
        seat = stages.join()
        waiting = [stages.submit([make_work(seat, part)]) for part in (frames[:4], frames[4:])]
        labelled = [item for join in waiting for item in join()[0]]
    finally:
        stages.close()
    assert [item.frame.index for item in labelled] == list(range(8))
    assert all(item.scores for item in labelled)


def test_an_encoder_that_fails_is_heard_by_who_waits_for_the_labels(small_model, monkeypatch):
    def fail(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(ActionStage, "encode", fail)
    stages = Stages(small_model, None)
    try:
        join = stages.submit([make_work(stages.join(), make_frames(2))])
        with pytest.raises(RuntimeError, match="out of memory"):
            join()
    finally:
        stages.close()


def test_detectors_are_built_for_the_pictures_to_come(small_model):
    tracker = Noting()
    assert len(list(Pipeline(small_model, tracker).run(ListSource(make_frames(3))))) == 3
    shapes, drawn = zip(*tracker.seen, strict=True)
    assert set(shapes) == {(32, 48, 3)}
    assert drawn.count(True) == 3
    assert not drawn[0]


def test_before_any_picture_has_come_a_common_size_is_built_for(small_model):
    tracker = Noting()
    Stages(small_model, tracker).close()
    assert set(tracker.seen) == {((720, 1280, 3), False)}
