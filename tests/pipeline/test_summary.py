import pytest
from in_memory import ListSource

from vidcache.frames import ActionScore, Discontinuity, FrameResult, Track
from vidcache.pipeline.summary import SummaryBuilder
from vidcache.pipeline.timer import StageTimer


def result(index, pts, *, action="walk", ids=(), session=0, **more):
    objects = tuple(Track(number, "person", 0.9, (0.0, 0.0, 1.0, 1.0)) for number in ids)
    scores = (ActionScore(action, 0.9),)
    return FrameResult(index, pts, action, scores, objects, session=session, **more)


def summarise(results, **more):
    builder = SummaryBuilder()
    for each in results:
        builder.add(each)
    options = {"truncated": False, "source": ListSource([]), "cache": {}} | more
    return builder.build(timer=StageTimer(), **options)


def test_a_run_of_no_frames_has_a_summary():
    summary = summarise([])
    assert (summary.num_frames, summary.fps, summary.video_seconds) == (0, 0.0, 0.0)
    assert summary.end_record()["frames"] == 0


def test_actions_are_timed_by_presentation_time():
    times = [(0.0, "walk"), (0.1, "walk"), (0.5, "wave"), (0.6, "walk")]
    summary = summarise([result(i, pts, action=a) for i, (pts, a) in enumerate(times)])
    assert summary.action_seconds == pytest.approx({"walk": 0.6, "wave": 0.1})
    assert list(summary.action_seconds) == ["walk", "wave"]
    assert summary.video_seconds == pytest.approx(0.7)


def test_the_time_of_a_gap_is_no_actions_time():
    gap = Discontinuity("timestamp_jump", 1, 100.0)
    summary = summarise(
        [result(0, 0.0), result(1, 100.0, events=(gap,)), result(2, 100.1)],
    )
    assert summary.action_seconds["walk"] == pytest.approx(0.2)


def test_objects_are_counted_once_they_were_followed_for_a_while():
    frames = [result(i, i / 10, ids=(1, 2) if i < 3 else (1, 3)) for i in range(12)]
    summary = summarise(frames)
    assert summary.num_objects == {"person": 2}
    assert summary.most_objects == 2


def test_numbers_of_a_new_session_are_other_objects():
    frames = [result(i, i / 10, ids=(1,), session=i // 10) for i in range(20)]
    assert summarise(frames).num_objects == {"person": 2}


def test_what_is_remembered_does_not_grow_with_the_stream(monkeypatch):
    monkeypatch.setattr(SummaryBuilder, "_REMEMBERED_IDS", 10)
    builder = SummaryBuilder()
    for index in range(500):
        builder.add(result(index, index / 10, ids=(index + 1, 0 + index // 100)))
    assert len(builder._first_seen) <= 21
