"""A run with the feature cache gives what a run without it gives, and encodes less."""

import logging

import pytest
from in_memory import BrightestSpot, ListSource, RecordingSink, make_frames, picture

from vidcache.cache import PrefixCache
from vidcache.config import Config
from vidcache.encoder.features import FeatureCache
from vidcache.errors import ConfigError
from vidcache.frames import Frame
from vidcache.pipeline import Feed, Pipeline


@pytest.fixture
def num_computed(small_model, monkeypatch):
    """How many pictures the ViT was given."""
    counted = []
    read_tokens = small_model.encoder.read_tokens

    def counting(pixels, num_threads=None):
        counted.append(len(pixels))
        return read_tokens(pixels, num_threads)

    monkeypatch.setattr(small_model.encoder, "read_tokens", counting)
    return lambda: sum(counted)


def make(model, cache, *, near=None, **settings):
    config = {"encoder": {"cache": {"near_duplicate": near}}} | settings
    return Pipeline(
        model, BrightestSpot(), config=Config.model_validate(config), feature_cache=cache
    )


def told(results):
    return [(r.index, r.action, r.actions, r.objects, r.events) for r in results]


def run(model, frames, cache, *, is_live=False, **settings):
    pipeline = make(model, cache, **settings)
    results = told(pipeline.run(ListSource(frames, is_live=is_live)))
    return results, pipeline.summary.cache.get("features")


def looped(num_frames, times):
    """The same pictures again and again, as a playlist shows them."""
    return [
        Frame(picture(index % num_frames), index, 0.1 * index)
        for index in range(num_frames * times)
    ]


@pytest.mark.parametrize("is_live", [False, True])
@pytest.mark.parametrize("num_frames", [1, 8, 21])
def test_a_run_is_that_without_a_cache_to_the_bit(small_model, tmp_path, num_frames, is_live):
    frames = make_frames(num_frames)
    expected, nothing = run(small_model, frames, None, is_live=is_live)
    assert nothing is None
    cache = FeatureCache(1 << 20, tmp_path)
    for number in range(3):
        results, figures = run(small_model, frames, cache, is_live=is_live)
        assert results == expected
        assert figures["hits"]["memory"] == num_frames * (number > 0)
    results, figures = run(small_model, frames, FeatureCache(0, tmp_path), is_live=is_live)
    assert results == expected
    assert figures["hits"] == {"memory": 0, "disk": num_frames, "near": 0}
    assert figures["hit_rate"] == 1.0
    assert figures["nbytes"]["disk"] > 0


def test_a_looped_video_is_encoded_once(small_model, num_computed):
    frames = looped(10, 4)
    expected, _ = run(small_model, frames, None)
    before = num_computed()
    results, figures = run(small_model, frames, FeatureCache(1 << 20))
    assert results == expected
    assert num_computed() - before == 10
    assert figures["hits"]["memory"] == 30
    assert figures["hit_rate"] == 0.75


def test_pictures_that_are_partly_known_change_no_bit(small_model):
    cache = FeatureCache(1 << 20)
    run(small_model, make_frames(30)[::3], cache)
    expected, _ = run(small_model, make_frames(29), None)
    results, figures = run(small_model, make_frames(29), cache)
    assert results == expected
    assert figures["hits"]["memory"] == 10


def test_several_sources_share_it_and_each_counts_its_own(small_model):
    pictures = {"one": make_frames(17), "same": make_frames(17), "other": make_frames(9, first=40)}
    expected = {name: run(small_model, frames, None)[0] for name, frames in pictures.items()}
    pipeline = make(small_model, FeatureCache(1 << 20))
    results = {name: [] for name in pictures}
    feeds = [Feed(name, ListSource(frames)) for name, frames in pictures.items()]
    for name, result in pipeline.run_many(feeds):
        results[name].append(result)
    assert {name: told(found) for name, found in results.items()} == expected
    figures = {name: one.cache["features"] for name, one in pipeline.summaries.items()}
    assert {name: one["frames"] for name, one in figures.items()} == {
        "one": 17, "same": 17, "other": 9,
    }  # fmt: skip
    hits = {name: one["hits"]["memory"] for name, one in figures.items()}
    assert hits["one"] + hits["same"] == 17
    assert hits["other"] == 0


def test_two_cameras_that_show_the_same_are_encoded_once(small_model, num_computed):
    pipeline = make(small_model, FeatureCache(1 << 20), batch_wait=5.0)
    feeds = [Feed(name, ListSource(make_frames(6), is_live=True)) for name in "ab"]
    assert len(list(pipeline.run_many(feeds))) == 12
    hits = [one.cache["features"]["hits"]["memory"] for one in pipeline.summaries.values()]
    assert sum(hits) == 12 - num_computed() >= 4


def test_damaged_frames_reach_neither_encoder_nor_cache(small_model, num_computed):
    flags = dict.fromkeys(range(3, 9), ("tainted",))
    _, figures = run(small_model, make_frames(16, flags=flags), FeatureCache(1 << 20))
    assert (figures["frames"], num_computed()) == (10, 10)
    _, figures = run(small_model, make_frames(16), FeatureCache(0))
    assert figures["hits"]["memory"] == 0


def test_the_figures_stand_in_the_end_record(small_model):
    sink = RecordingSink()
    pipeline = make(small_model, FeatureCache(1 << 20))
    list(pipeline.run(ListSource(looped(4, 2)), sinks=[sink]))
    assert sink.end["cache"]["features"] == {
        "frames": 8,
        "hits": {"memory": 4, "disk": 0, "near": 0},
        "hit_rate": 0.5,
        "nbytes": {"memory": sink.end["cache"]["features"]["nbytes"]["memory"]},
    }


def test_near_pictures_are_known_only_where_that_is_asked_for(small_model):
    frames = make_frames(24)
    assert run(small_model, frames, FeatureCache(1 << 20))[1]["hits"]["near"] == 0
    near = run(small_model, frames, FeatureCache(0), near=250.0)[1]
    assert near["hits"] == {"memory": 0, "disk": 0, "near": 23}


def test_near_results_are_the_same_each_time(small_model):
    settings = {"near": 6.0, "batch": 5}
    first, figures = run(small_model, make_frames(40), FeatureCache(0), **settings)
    assert 0 < figures["hits"]["near"] < 40
    cache = FeatureCache(1 << 20)
    for _ in range(2):
        assert run(small_model, make_frames(40), cache, **settings)[0] == first


def test_weights_that_changed_find_nothing(small_model_path):
    import torch

    from vidcache.model import ActionModel

    model, cache = ActionModel.load(small_model_path, precision="fp32"), FeatureCache(1 << 20)
    run(model, make_frames(8), cache)
    with torch.no_grad():
        next(model.encoder.vit.parameters()).mul_(1.5)
    results, figures = run(model, make_frames(8), cache)
    assert figures["hit_rate"] == 0.0
    assert results == run(model, make_frames(8), None)[0]


def test_a_disk_that_fails_does_not_end_a_live_run(small_model, tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise OSError(28, "No space left on device")

    frames = make_frames(12)
    expected, _ = run(small_model, frames, None, is_live=True)
    cache = FeatureCache(0, tmp_path)
    monkeypatch.setattr("vidcache.encoder.features.shard._write_all", fail)
    caplog.set_level(logging.WARNING)
    assert run(small_model, frames, cache, is_live=True)[0] == expected
    assert [record.getMessage().count("No space left") for record in caplog.records] == [1]


def test_what_contradicts_a_cache_is_refused(small_model, tmp_path):
    cache = FeatureCache(1 << 20)
    with pytest.raises(ConfigError, match="leave one of them out"):
        Pipeline(
            small_model,
            config=Config.model_validate({"encoder": {"reuse": 0.2}}),
            feature_cache=cache,
        )
    near = {"encoder": {"cache": {"near_duplicate": 1.0}}}
    with pytest.raises(ConfigError, match="near_duplicate"):
        Pipeline(
            small_model,
            config=Config.model_validate(near),
            feature_cache=cache,
            prefix_cache=PrefixCache(small_model.head),
        )
    objects = {"actions": "per-object", "detector": "bundled"}
    with pytest.raises(ConfigError, match="label both"):
        Pipeline.from_config(Config.model_validate(near | objects))


def test_known_beginnings_and_known_pictures_go_together(small_model, tmp_path):
    expected, _ = run(small_model, make_frames(24), None)
    prefixes, cache = PrefixCache(small_model.head), FeatureCache(1 << 20)
    for num_frames in (16, 24):
        pipeline = Pipeline(
            small_model, BrightestSpot(), prefix_cache=prefixes, feature_cache=cache
        )
        results = told(pipeline.run(ListSource(make_frames(num_frames))))
    assert pipeline.summary.cache["prefix"]["frames"] == 16
    assert pipeline.summary.cache["features"]["frames"] == 8
    assert results == expected
