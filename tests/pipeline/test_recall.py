"""A file that begins like an earlier one gets the same labels to the bit, without the work."""

import numpy as np
import pytest
import torch
from in_memory import BrightestSpot, ListSource, RecordingSink, make_frames

from vidcache.cache import PrefixCache, TimeWindow
from vidcache.config import Config
from vidcache.frames import Frame
from vidcache.model import ActionModel
from vidcache.pipeline import Pipeline
from vidcache.pipeline import recall as recall_module


@pytest.fixture
def model(small_model):
    return small_model


@pytest.fixture(autouse=True)
def snapshots_come_often(monkeypatch):
    monkeypatch.setattr(recall_module, "_SNAPSHOT_FRAMES", 16)


@pytest.fixture
def count_encoded(model, monkeypatch):
    """Counts the frames that the encoder is given."""
    counted = []
    encode = model.encoder.forward

    def forward(images, num_threads=None):
        counted.append(len(images))
        return encode(images, num_threads)

    monkeypatch.setattr(model.encoder, "forward", forward)
    return lambda: sum(counted), counted.clear


def run(model, frames, cache, *, batch=8, sinks=(), **options):
    config = Config.model_validate({"batch": batch})
    pipeline = Pipeline(model, BrightestSpot(), config=config, prefix_cache=cache)
    results = list(pipeline.run(ListSource(frames, **options), sinks=sinks))
    return [(r.action, r.actions, r.objects, r.events) for r in results], pipeline.summary


def known(summary):
    return summary.cache["prefix"]["frames"]


@pytest.mark.parametrize("num_frames", [1, 7, 8, 40, 61])
@pytest.mark.parametrize("on_disk", [False, True])
def test_a_second_run_repeats_the_first_without_the_encoder(
    model, count_encoded, tmp_path, num_frames, on_disk
):
    num_encoded, forget = count_encoded
    frames = make_frames(num_frames)
    expected, plain = run(model, frames, None)
    cache = PrefixCache(model.head, folder=tmp_path if on_disk else None)
    first, summary = run(model, frames, cache)
    assert (first, known(summary)) == (expected, 0)
    forget()
    if on_disk:
        cache = PrefixCache(model.head, folder=tmp_path, max_bytes=0)
    sink = RecordingSink()
    again, summary = run(model, frames, cache, sinks=[sink])
    assert again == expected
    assert num_encoded() == 0
    assert known(summary) == num_frames
    figures = dict(sink.end["cache"])
    prefix = figures.pop("prefix")
    assert figures == plain.cache
    assert (prefix["misses"], prefix["hits"]) == (0, -(-num_frames // 8))
    assert prefix["look_up_seconds"] > 0
    assert (prefix["nbytes_disk"] > 0) == on_disk


def test_a_file_that_has_grown_goes_on_where_it_ended(model, count_encoded):
    num_encoded, forget = count_encoded
    longer = make_frames(90)
    expected, plain = run(model, longer, None)
    cache = PrefixCache(model.head)
    run(model, longer[:45], cache)
    forget()
    again, summary = run(model, longer, cache)
    assert again == expected
    assert known(summary) == 40
    assert num_encoded() == 50
    assert {**summary.cache, "prefix": None} == {**plain.cache, "prefix": None}


@pytest.mark.parametrize("turn", [3, 20, 33, 44])
def test_a_file_that_turns_off_goes_on_alone_from_there(model, count_encoded, turn):
    """The turns lie between the places where the state was stored."""
    num_encoded, forget = count_encoded
    frames = make_frames(60)
    other = [*frames[:turn], *make_frames(120)[60 + turn :]]
    other = [Frame(f.image_rgb, i, frames[i].pts_seconds) for i, f in enumerate(other)]
    expected, _ = run(model, other, None)
    cache = PrefixCache(model.head)
    run(model, frames, cache)
    forget()
    again, summary = run(model, other, cache)
    assert again == expected
    assert known(summary) == turn // 8 * 8
    assert num_encoded() == 60 - turn // 8 * 8
    assert run(model, frames, cache)[1].cache["prefix"]["frames"] == 60


def test_damaged_frames_are_known_as_such(model):
    flags = {0: ("tainted",), 20: ("tainted",), **{i: ("tainted",) for i in range(24, 32)}}
    frames = make_frames(50, flags=flags)
    expected, plain = run(model, frames, None)
    cache = PrefixCache(model.head)
    run(model, frames, cache)
    again, summary = run(model, frames, cache)
    assert again == expected
    assert known(summary) == 50
    assert summary.cache["appended"] == plain.cache["appended"] == 40
    assert known(run(model, make_frames(50), cache)[1]) == 0


def test_times_count_where_the_head_counts_seconds(model):
    torch.manual_seed(0)
    head = {**model.config.head.to_dict(), "positions": "seconds"}
    head["eviction"] = TimeWindow(seconds=1.0, max_frames=20).to_dict()
    settings = {**model.config.to_dict(), "head": head}
    timed = ActionModel(type(model.config).from_dict(settings), precision="fp32").eval()
    frames = make_frames(40)
    later = [Frame(f.image_rgb, f.index, f.pts_seconds * 1.5) for f in frames]
    cache = PrefixCache(timed.head)
    run(timed, frames, cache)
    expected, _ = run(timed, frames, None)
    assert run(timed, frames, cache)[0] == expected
    slower, summary = run(timed, later, cache)
    assert known(summary) == 0
    assert slower == run(timed, later, None)[0]
    # Without such a head the time of a frame changes nothing.
    cache = PrefixCache(model.head)
    run(model, frames, cache)
    assert known(run(model, later, cache)[1]) == 40


def test_whatever_could_change_a_bit_is_not_known(model):
    frames = make_frames(24)
    cache = PrefixCache(model.head)
    run(model, frames, cache, batch=8)
    assert known(run(model, frames, cache, batch=4)[1]) == 0
    changed = [f if f.index else Frame(f.image_rgb ^ np.uint8(1), 0, 0.0) for f in frames]
    assert known(run(model, changed, cache)[1]) == 0


def test_a_camera_is_not_remembered(model):
    cache = PrefixCache(model.head)
    _, summary = run(model, make_frames(9), cache, is_live=True)
    assert "prefix" not in summary.cache
    assert cache.stats().stored == 0


def test_a_budget_for_less_than_a_file_keeps_its_beginning(model, tmp_path):
    frames = make_frames(60)
    whole = PrefixCache(model.head, folder=tmp_path / "whole")
    expected, _ = run(model, frames, whole)
    budget = whole.stats().nbytes_disk // 2
    for _ in range(2):
        cache = PrefixCache(model.head, folder=tmp_path / "half", max_disk_bytes=budget)
        results, summary = run(model, frames, cache)
        assert results == expected
    assert 16 <= known(summary) < 60
    assert cache.stats().nbytes_disk <= budget
