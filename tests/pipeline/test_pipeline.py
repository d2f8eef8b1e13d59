import json
import threading

import numpy as np
import pytest
import torch
from in_memory import BrightestSpot, ListSource, RecordingSink, make_frames

from vidcache.config import Config
from vidcache.errors import ConfigError, SourceError
from vidcache.frames import Discontinuity, Event
from vidcache.pipeline import UNSURE, Pipeline


@pytest.fixture
def model(small_model):
    return small_model


def run(model, source, *, tracker=None, sinks=(), max_frames=None, **settings):
    pipeline = Pipeline(model, tracker, config=Config.model_validate(settings))
    results = list(pipeline.run(source, sinks=sinks, max_frames=max_frames))
    return results, pipeline.summary


def scores_of(results, labels):
    rows = [{score.label: score.score for score in result.actions} for result in results]
    return np.array([[row[label] for label in labels] for row in rows])


@pytest.mark.parametrize("batch", [1, 4, 7, 64])
def test_streamed_scores_equal_those_of_the_whole_clip(model, batch):
    frames = make_frames(30)
    results, _ = run(model, ListSource(frames), batch=batch)
    with torch.no_grad():
        tokens = model.encode([frame.image_rgb for frame in frames])
        expected = model(tokens[None])[0].numpy()
    np.testing.assert_allclose(scores_of(results, model.labels), expected, atol=2e-5)


def test_two_runs_give_the_same_bits(model):
    runs = [run(model, ListSource(make_frames(21)), tracker=BrightestSpot())[0] for _ in range(2)]
    first, second = ([(r.actions, r.objects, r.events, r.action) for r in rs] for rs in runs)
    assert first == second


def test_a_second_source_is_not_touched_by_the_first(model):
    tracker = BrightestSpot()
    pipeline = Pipeline(model, tracker)
    alone = list(pipeline.run(ListSource(make_frames(12))))
    list(pipeline.run(ListSource(make_frames(5)[1:])))
    again = list(pipeline.run(ListSource(make_frames(12))))
    assert [r.actions for r in again] == [r.actions for r in alone]
    assert [(r.session, r.objects) for r in again] == [(r.session, r.objects) for r in alone]


def test_scores_are_best_first_and_the_action_is_the_best_above_the_threshold(model):
    results, _ = run(model, ListSource(make_frames(20)), threshold=0.5)
    actions = set()
    for result in results:
        scores = [score.score for score in result.actions]
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) == pytest.approx(1.0, abs=1e-4)
        best = result.actions[0]
        assert result.action == (best.label if best.score >= 0.5 else UNSURE)
        actions.add(result.action)
    assert UNSURE in {r.action for r in run(model, ListSource(make_frames(5)), threshold=1.0)[0]}
    assert actions != {UNSURE}


def test_tainted_frames_stay_out_of_the_temporal_cache(model):
    flags = {4: ("tainted",), 5: ("tainted",), 9: ("tainted",)}
    tainted = make_frames(16, flags=flags)
    good = [frame for frame in tainted if not frame.flags]
    tracker = BrightestSpot()
    results, summary = run(model, ListSource(tainted), tracker=tracker, batch=3)
    expected, _ = run(model, ListSource(good), batch=3)
    kept = [result for result in results if not result.flags]
    np.testing.assert_allclose(
        scores_of(kept, model.labels), scores_of(expected, model.labels), atol=2e-5
    )
    assert results[4].actions == results[5].actions == results[3].actions
    assert tracker.num_seen == 16
    assert summary.num_tainted == 3
    assert summary.cache["appended"] == 13


def test_a_stream_that_begins_tainted_has_no_action_yet(model):
    results, _ = run(model, ListSource(make_frames(3, flags={0: ("tainted",)})))
    assert results[0].actions == ()
    assert results[0].action == UNSURE
    assert results[1].actions


def test_a_change_of_size_is_reported_and_starts_a_new_session(model):
    source = ListSource(make_frames(10, sizes={6: (32, 48)}))
    results, _ = run(model, source, tracker=BrightestSpot())
    gaps = [event for r in results for event in r.events if isinstance(event, Discontinuity)]
    where = results[6].pts_seconds
    assert gaps == [Discontinuity("size_change", 6, where, "48x32 -> 32x48")]
    assert [r.session for r in results] == 6 * [0] + 4 * [1]


def test_a_jump_in_time_is_reported(model):
    results, summary = run(model, ListSource(make_frames(10, jumps={4: 60.0})))
    gaps = [event for r in results for event in r.events if isinstance(event, Discontinuity)]
    assert [(gap.reason, gap.frame) for gap in gaps] == [("timestamp_jump", 4)]
    # The minute that nobody saw is no action's time.
    assert sum(summary.action_seconds.values()) < 2.0


def test_max_frames_stops_early_and_says_so(model):
    sink = RecordingSink()
    results, summary = run(model, ListSource(make_frames(20)), sinks=[sink], max_frames=6)
    assert [result.index for result in results] == list(range(6))
    assert summary.truncated
    assert sink.end["frames"] == 6
    assert sink.end["truncated"] is True


def test_max_frames_that_the_source_does_not_reach_truncates_nothing(model):
    assert not run(model, ListSource(make_frames(6)), max_frames=6)[1].truncated
    assert not run(model, ListSource(make_frames(6)), max_frames=7)[1].truncated


def test_a_source_that_ends_before_its_end_is_truncated(model):
    source = ListSource(make_frames(6))
    source.truncated = True
    assert run(model, source)[1].truncated


def test_sinks_get_header_results_and_end(model):
    sink = RecordingSink()
    results, _ = run(model, ListSource(make_frames(9)), tracker=BrightestSpot(), sinks=[sink])
    assert sink.header["labels"] == list(model.labels)
    assert sink.header["size"] == [48, 32]
    assert sink.header["detector"] == "the brightest spot"
    assert sink.header["cache"]["nbytes"] == model.init_state(1).nbytes
    assert [r.index for r in sink.results] == [r.index for r in results]
    assert (sink.end["frames"], sink.end["truncated"]) == (9, False)
    assert set(sink.end["timings"]) == {"decode", "encode", "head", "track", "recording"}
    json.dumps(sink.header, allow_nan=False)
    json.dumps({**sink.end, "events": []}, allow_nan=False)


def test_every_result_says_how_long_its_stages_took(model):
    results, _ = run(
        model, ListSource(make_frames(5)), tracker=BrightestSpot(), sinks=[RecordingSink()]
    )
    for result in results:
        assert set(result.timings) == {"decode", "encode", "head", "track", "recording"}
        assert all(seconds >= 0 for seconds in result.timings.values())


def test_a_caller_that_stops_iterating_leaves_nothing_open(model):
    before = threading.active_count()
    sink = RecordingSink()
    pipeline = Pipeline(model, BrightestSpot())
    iterator = pipeline.run(ListSource(make_frames(50)), sinks=[sink])
    for _ in range(7):
        next(iterator)
    iterator.close()
    assert sink.num_closed == 1
    assert sink.end["frames"] == 7
    assert sink.end["truncated"] is True
    assert pipeline.summary.num_frames == 7
    assert threading.active_count() == before


def test_a_source_that_fails_delivers_what_came_before(model):
    sink = RecordingSink()
    iterator = Pipeline(model).run(ListSource(make_frames(6), error="cable"), sinks=[sink])
    assert [next(iterator).index for _ in range(6)] == list(range(6))
    with pytest.raises(SourceError, match="cable"):
        next(iterator)
    assert sink.num_closed == 1
    assert sink.end["frames"] == 6
    assert sink.end["truncated"] is True


def test_a_sink_that_fails_does_not_leave_the_others_open(model):
    good, bad = RecordingSink(), RecordingSink(fail_at=3)
    with pytest.raises(OSError, match="disk full"):
        run(model, ListSource(make_frames(9)), sinks=[good, bad])
    assert good.num_closed == bad.num_closed == 1
    assert good.end["truncated"] is True


def test_a_sink_that_does_not_open_closes_those_that_did(model):
    good, bad = RecordingSink(), RecordingSink(fail_on_open=True)
    with pytest.raises(OSError, match="no room"):
        run(model, ListSource(make_frames(9)), sinks=[good, bad])
    assert (good.num_closed, bad.num_closed) == (1, 0)


def test_a_sink_that_was_closed_by_its_user_gets_no_more_frames(model):
    sink = RecordingSink()
    pipeline = Pipeline(model)
    for result in pipeline.run(ListSource(make_frames(9)), sinks=[sink]):
        sink.closed = result.index >= 3
    assert [r.index for r in sink.results] == [0, 1, 2, 3]


def test_open_actions_end_with_the_last_frame_of_a_file(model):
    sink = RecordingSink()
    settings = {"events": {"enter": 0.0, "leave": 0.0, "min_seconds": 0.2}}
    results, _ = run(model, ListSource(make_frames(9)), sinks=[sink], **settings)
    events = [event for result in results for event in result.events]
    starts = [event.label for event in events if event.kind == "start"]
    ends = [event for event in results[-1].events if event.kind == "end"]
    assert sorted(starts) == sorted(model.labels[1:])
    assert sorted(event.label for event in ends) == sorted(starts)
    assert {(event.frame, round(event.pts_seconds, 6)) for event in ends} == {(9, 0.9)}
    assert sink.results[-1] == results[-1]
    assert sink.end["events"] == []


def test_open_actions_of_a_camera_that_stops_end_with_the_end_record(model):
    sink = RecordingSink()
    settings = {"events": {"enter": 0.0, "leave": 0.0, "min_seconds": 0.2}}
    source = ListSource(make_frames(9), is_live=True)
    results, _ = run(model, source, sinks=[sink], **settings)
    assert {event.kind for result in results for event in result.events} == {"start"}
    assert sink.end["events"]
    assert all(isinstance(e, Event) and e.kind == "end" for e in sink.end["events"])


@pytest.mark.parametrize("is_live", [True, False])
def test_stop_ends_a_run_that_waits_for_a_silent_source(model, is_live):
    sink = RecordingSink()
    pipeline = Pipeline(model)
    source = ListSource(make_frames(8), is_live=is_live, silent=True)
    timer = threading.Timer(0.5, pipeline.stop)
    timer.start()
    results = list(pipeline.run(source, sinks=[sink]))
    timer.join()
    assert [result.index for result in results] == list(range(8))
    assert pipeline.summary.truncated
    assert sink.end["truncated"] is True


def test_the_summary_counts_actions_and_objects(model):
    results, summary = run(model, ListSource(make_frames(20)), tracker=BrightestSpot())
    assert summary.num_frames == 20
    assert summary.video_seconds == pytest.approx(2.0)
    assert sum(summary.action_seconds.values()) == pytest.approx(2.0)
    assert set(summary.action_seconds) == {result.action for result in results}
    assert summary.num_objects == {"spot": 1}
    assert summary.most_objects == 1


def test_the_summary_of_a_pipeline_that_has_not_run_is_refused(model):
    with pytest.raises(RuntimeError, match="none has"):
        _ = Pipeline(model).summary


def test_contradicting_event_thresholds_are_refused_before_anything_runs(model):
    config = Config.model_validate({"threshold": 0.3, "events": {"leave": 0.6}})
    with pytest.raises(ConfigError, match=r"events.leave \(0.6\)"):
        Pipeline(model, config=config)


def test_a_run_leaves_the_number_of_torch_threads_as_it_was(model):
    before = torch.get_num_threads()
    run(model, ListSource(make_frames(4)))
    assert torch.get_num_threads() == before
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [before]
