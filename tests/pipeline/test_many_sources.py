"""Several sources in one run: nobody notices the others, and whoever fails falls alone."""

import threading

import numpy as np
import pytest
from in_memory import BrightestSpot, ListSource, RecordingSink, make_frames

from vidcache.config import Config
from vidcache.errors import ConfigError, SinkError
from vidcache.frames import Discontinuity
from vidcache.pipeline import Feed, Pipeline
from vidcache.video import SourceState, SourceStatus


@pytest.fixture
def model(small_model):
    return small_model


def clip(seed, num_frames, **kinds):
    """Frames that differ from those of other seeds."""
    return make_frames(num_frames, first=1000 * seed, **kinds)


def watch(model, feeds, *, tracker=None, at_once=None, max_frames=None, **settings):
    pipeline = Pipeline(model, tracker, config=Config.model_validate(settings))
    results = {feed.name: [] for feed in feeds}
    for name, result in pipeline.run_many(feeds, at_once=at_once, max_frames=max_frames):
        results[name].append(result)
    return results, pipeline


def alone(model, frames, *, tracker=None, live=False, **settings):
    pipeline = Pipeline(model, tracker, config=Config.model_validate(settings))
    return list(pipeline.run(ListSource(frames, is_live=live)))


def said(results):
    return [(r.index, r.pts_seconds, r.action, r.actions, r.objects, r.events) for r in results]


def largest_difference(results, others):
    pairs = [
        (score.score, dict((s.label, s.score) for s in b.actions)[score.label])
        for a, b in zip(results, others, strict=True)
        for score in a.actions
    ]
    return max(abs(a - b) for a, b in pairs)


@pytest.mark.parametrize("at_once", [None, 1, 2])
def test_files_have_the_results_that_they_have_alone_to_the_bit(model, at_once):
    # Among them some that end with a group of a single frame at the same time.
    clips = [clip(seed, length) for seed, length in enumerate((21, 8, 3, 34, 9, 1, 9, 1))]
    feeds = [Feed(str(number), ListSource(frames)) for number, frames in enumerate(clips)]
    results, pipeline = watch(model, feeds, tracker=BrightestSpot(), at_once=at_once)
    for number, frames in enumerate(clips):
        assert said(results[str(number)]) == said(alone(model, frames, tracker=BrightestSpot()))
    assert [pipeline.summaries[str(n)].num_frames for n in range(4)] == [21, 8, 3, 34]
    assert len(pipeline.summaries) == 8
    assert not any(summary.truncated for summary in pipeline.summaries.values())
    assert pipeline.summaries["3"].cache["appended"] == 34
    assert pipeline.errors == {}


def test_cameras_differ_from_alone_only_by_rounding(model, largest_error):
    clips = [clip(seed, 30) for seed in range(3)]
    feeds = [Feed(str(n), ListSource(frames, is_live=True)) for n, frames in enumerate(clips)]
    results, _ = watch(model, feeds, tracker=BrightestSpot())
    for number, frames in enumerate(clips):
        expected = alone(model, frames, tracker=BrightestSpot(), live=True)
        assert [r.objects for r in results[str(number)]] == [r.objects for r in expected]
        error = largest_difference(results[str(number)], expected)
        largest_error("scores of cameras beside others against alone, float32", error)
        assert error < 2e-5


def test_a_damaged_stream_leaves_its_neighbour_alone(model):
    flags = {n: ("tainted",) for n in (3, 4, 5, 9)}
    clips = [clip(0, 20, flags=flags), clip(1, 20)]
    feeds = [Feed(str(n), ListSource(frames, is_live=True)) for n, frames in enumerate(clips)]
    results, pipeline = watch(model, feeds)
    good = [frame for frame in clips[0] if not frame.flags]
    kept = [result for result in results["0"] if not result.flags]
    assert largest_difference(kept, alone(model, good, live=True)) < 2e-5
    assert largest_difference(results["1"], alone(model, clips[1], live=True)) < 2e-5
    assert pipeline.summaries["0"].cache["appended"] == 16
    assert pipeline.summaries["1"].cache["appended"] == 20


def test_a_row_that_was_left_is_given_to_the_next_as_new(model):
    clips = [clip(seed, 6 + seed) for seed in range(6)]
    feeds = [Feed(str(n), ListSource(frames, is_live=True)) for n, frames in enumerate(clips)]
    results, pipeline = watch(model, feeds, at_once=2)
    for number, frames in enumerate(clips):
        expected = alone(model, frames, live=True)
        assert largest_difference(results[str(number)], expected) < 2e-5
    assert {s.cache["num_rows"] for s in pipeline.summaries.values()} == {1}


def test_a_source_that_fails_falls_alone(model):
    sinks = {name: RecordingSink() for name in ("good", "bad")}
    feeds = [
        Feed("bad", ListSource(clip(0, 5), error="cable"), [sinks["bad"]]),
        Feed("good", ListSource(clip(1, 20)), [sinks["good"]]),
    ]
    results, pipeline = watch(model, feeds)
    assert said(results["good"]) == said(alone(model, clip(1, 20)))
    assert len(results["bad"]) == 5
    assert {name: str(error) for name, error in pipeline.errors.items()} == {"bad": "cable"}
    assert pipeline.summaries["bad"].truncated
    assert [sink.num_closed for sink in sinks.values()] == [1, 1]


def test_an_output_that_fails_falls_alone(model):
    class FullDisk(RecordingSink):
        def write(self, frame, result):
            if result.index == 3:
                raise SinkError("cannot write: the disk is full")
            super().write(frame, result)

    full, good = FullDisk(), RecordingSink()
    feeds = [
        Feed("full", ListSource(clip(0, 20)), [full]),
        Feed("good", ListSource(clip(1, 20)), [good]),
    ]
    _, pipeline = watch(model, feeds)
    assert [result.index for result in full.results] == [0, 1, 2]
    assert (full.num_closed, full.end["truncated"]) == (1, True)
    assert len(good.results) == 20
    assert list(pipeline.errors) == ["full"]


def test_a_camera_that_is_down_is_not_waited_for(model):
    down = ListSource([], is_live=True, silent=True, news=[Discontinuity("disconnect", 0, 0.0)])
    down.status = SourceStatus(SourceState.BACKOFF, 0.0)
    sink = RecordingSink()
    feeds = [Feed("down", down, [sink]), Feed("up", ListSource(clip(1, 20), is_live=True))]
    pipeline = Pipeline(model, config=Config(batch_wait=60.0))
    seen = []
    for name, _ in pipeline.run_many(feeds):
        seen.append(name)
        if len(seen) == 20:
            pipeline.stop()
    assert seen == 20 * ["up"]
    assert [gap.reason for gap in sink.announced] == ["disconnect"]
    assert sink.end["frames"] == 0


def test_a_slow_camera_is_waited_for_no_longer_than_the_deadline(model):
    slow = ListSource(clip(0, 1), is_live=True, silent=True)
    feeds = [Feed("slow", slow), Feed("up", ListSource(clip(1, 20), is_live=True))]
    pipeline = Pipeline(model, config=Config(batch_wait=0.001))
    names = []
    for name, _ in pipeline.run_many(feeds):
        names.append(name)
        if names.count("up") == 20:
            pipeline.stop()
    assert sorted(names) == ["slow"] + 20 * ["up"]


def test_sources_join_while_others_run(model):
    pipeline = Pipeline(model)
    late = ListSource(clip(1, 9), is_live=True)
    results = {"first": [], "late": []}
    for name, result in pipeline.run_many([Feed("first", ListSource(clip(0, 24), is_live=True))]):
        if name == "first" and result.index == 10:
            pipeline.add(Feed("late", late))
        results[name].append(result)
    assert [len(found) for found in results.values()] == [24, 9]
    assert largest_difference(results["late"], alone(model, clip(1, 9), live=True)) < 2e-5


def test_two_sources_of_one_name_are_refused(model):
    feeds = [Feed("door", ListSource(clip(n, 3))) for n in range(2)]
    with pytest.raises(ConfigError, match="two sources are called 'door'"):
        watch(model, feeds)


def test_a_tracker_without_twins_cannot_follow_two_sources(model):
    class Single:
        name = "single"
        session = 0

    with pytest.raises(ConfigError, match="twin"):
        next(Pipeline(model, Single()).run_many([]))


def test_stopping_leaves_nothing_open(model):
    before = threading.active_count()
    sinks = [RecordingSink() for _ in range(3)]
    sources = [ListSource(clip(n, 50), is_live=n > 0, silent=True) for n in range(3)]
    pipeline = Pipeline(model, BrightestSpot())
    iterator = pipeline.run_many(
        Feed(str(n), source, [sink])
        for n, (source, sink) in enumerate(zip(sources, sinks, strict=True))
    )
    for _ in range(10):
        next(iterator)
    iterator.close()
    assert [sink.num_closed for sink in sinks] == [1, 1, 1]
    assert all(sink.end["truncated"] for sink in sinks)
    assert all(source.ended for source in sources)
    assert threading.active_count() == before


def test_each_source_has_sessions_of_its_own(model):
    clips = [clip(0, 12, sizes={4: (32, 48), 8: (48, 32)}), clip(1, 12)]
    feeds = [Feed(str(n), ListSource(frames)) for n, frames in enumerate(clips)]
    results, _ = watch(model, feeds, tracker=BrightestSpot())
    assert [r.session for r in results["0"]] == 4 * [0] + 4 * [1] + 4 * [2]
    assert [r.session for r in results["1"]] == 12 * [0]
    assert np.isfinite([s.score for r in results["0"] for s in r.actions]).all()
