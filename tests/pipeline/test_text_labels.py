"""Labels that are changed while streams run."""

import math
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from in_memory import ListSource, RecordingSink, make_frames

from vidcache.cache import PrefixCache
from vidcache.config import Config
from vidcache.errors import ConfigError
from vidcache.frames import Event, LabelChange
from vidcache.model import ActionModel, TextLabels
from vidcache.pipeline import Feed, Pipeline

WIDTH = 6


def make_texts(*names, **settings):
    rows = [np.random.default_rng(sum(map(ord, name))).standard_normal(WIDTH) for name in names]
    defaults = {"scale": math.log(20.0), "tower": "letters"}
    return TextLabels.from_prompts(names, rows, **(defaults | settings))


FIRST, SECOND = make_texts("walk", "wave"), make_texts("sit", "jump", "clap")


@pytest.fixture
def model(small_model):
    config = replace(
        small_model.config,
        labels=("nobody",),
        outputs="embedding",
        head=replace(small_model.config.head, num_outputs=WIDTH),
        temperature=1.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ActionModel(config, precision="fp32").eval()
        with torch.no_grad():
            for parameter in model.head.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.set_text_labels(FIRST)
    return model


def run(model, texts, *, changes=None, num_frames=40, cache=None, sinks=(), batch=4):
    """Runs with some labels, and gives others after some results: ``{results: texts}``."""
    pipeline = Pipeline(model, config=Config(batch=batch), prefix_cache=cache)
    pipeline.set_text_labels(texts)
    results = []
    for result in pipeline.run(ListSource(make_frames(num_frames)), sinks=sinks):
        results.append(result)
        if changes and len(results) in changes:
            pipeline.set_text_labels(changes[len(results)])
    return results, pipeline.summary


def names_of(result):
    return {action.label for action in result.actions}


def label_changes(results):
    return [e for result in results for e in result.events if isinstance(e, LabelChange)]


def test_labels_changed_in_a_run_score_as_if_they_had_always_been_there_to_the_bit(model):
    changed, _ = run(model, FIRST, changes={10: SECOND})
    before, _ = run(model, FIRST)
    after, _ = run(model, SECOND)
    (change,) = label_changes(changed)
    # Two groups of four may be at work ahead of the results.
    assert 10 <= change.frame <= 10 + 3 + 2 * 4
    assert change.labels == ("nobody", "sit", "jump", "clap")
    assert change.pts_seconds == changed[change.frame].pts_seconds
    assert change in changed[change.frame].events
    for index, result in enumerate(changed):
        expected = before if index < change.frame else after
        assert result.actions == expected[index].actions
        assert names_of(result) == names_of(expected[index])


def test_the_header_has_the_labels_of_the_beginning_and_nothing_changes_by_itself(model):
    sink = RecordingSink()
    results, _ = run(model, SECOND, sinks=[sink])
    assert sink.header["labels"] == ["nobody", "sit", "jump", "clap"]
    assert label_changes(results) == []


def test_an_action_whose_label_is_gone_ends(model):
    # No logit is below -20, so that every label is shown in every frame that has it.
    events = {"enter": 1e-9, "leave": 1e-10, "min_seconds": 0.0, "min_gap_seconds": 0.0}
    pipeline = Pipeline(model, config=Config.model_validate({"batch": 1, "events": events}))
    pipeline.set_text_labels(FIRST)
    results = []
    for result in pipeline.run(ListSource(make_frames(20))):
        results.append(result)
        if len(results) == 8:
            pipeline.set_text_labels(SECOND)
    (change,) = label_changes(results)
    events = [e for result in results for e in result.events if isinstance(e, Event)]
    ends = {e.label: e.frame for e in events if e.kind == "end" and e.label in FIRST.names}
    assert ends == {"walk": change.frame, "wave": change.frame}
    assert {e.label for e in events if e.kind == "start"} == {*FIRST.names, *SECOND.names}


def test_damaged_frames_after_a_change_repeat_the_scores_and_labels_before_it(model):
    flags = dict.fromkeys(range(8, 14), ("tainted",))
    pipeline = Pipeline(model, config=Config(batch=1))
    results = []
    for result in pipeline.run(ListSource(make_frames(20, flags=flags))):
        results.append(result)
        if len(results) == 4:
            pipeline.set_text_labels(SECOND)
        if len(results) == 8:
            pipeline.set_text_labels(FIRST)
    first, second = label_changes(results)
    assert 4 <= first.frame < 8
    assert second.frame == 14
    assert all(result.actions == results[7].actions for result in results[8:14])


def test_every_source_is_told_of_the_change(model):
    pipeline = Pipeline(model, config=Config(batch=2))
    feeds = [Feed(name, ListSource(make_frames(20, first=n))) for n, name in enumerate("ab")]
    results = {"a": [], "b": []}
    for name, result in pipeline.run_many(feeds):
        results[name].append(result)
        if len(results["a"]) == 6 and name == "a":
            pipeline.set_text_labels(SECOND)
    for found in results.values():
        (change,) = label_changes(found)
        assert [names_of(r) == {"nobody", *SECOND.names} for r in found] == [
            index >= change.frame for index in range(20)
        ]


def test_any_thread_may_change_labels_and_no_frame_has_a_mixture(model):
    pipeline = Pipeline(model, config=Config(batch=3))
    running, done = threading.Event(), threading.Event()

    def change():
        running.wait()
        while not done.is_set():
            pipeline.set_text_labels(SECOND)
            pipeline.set_text_labels(FIRST)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        known = []
        for result in pipeline.run(ListSource(make_frames(60))):
            running.set()
            known.append(names_of(result))
            changes = label_changes([result])
            assert len(changes) <= 1
            assert all(set(change.labels) == known[-1] for change in changes)
    finally:
        running.set()
        done.set()
        thread.join()
    assert {frozenset(names) for names in known} <= {
        frozenset({"nobody", *texts.names}) for texts in (FIRST, SECOND)
    }


def test_what_is_remembered_of_a_file_belongs_to_its_labels(model):
    cache = PrefixCache(model.head, max_bytes=1 << 24)
    expected = [result.actions for result in run(model, SECOND)[0]]
    run(model, FIRST, cache=cache)
    results, summary = run(model, SECOND, cache=cache)
    assert [result.actions for result in results] == expected
    assert summary.cache["prefix"]["frames"] == 0
    results, summary = run(model, SECOND, cache=cache)
    assert [result.actions for result in results] == expected
    assert summary.cache["prefix"]["frames"] == 40
    changed, _ = run(model, FIRST, cache=cache, changes={10: SECOND})
    (change,) = label_changes(changed)
    assert [result.actions for result in changed[change.frame :]] == expected[change.frame :]


def test_labels_that_the_model_does_not_know_are_refused_and_the_run_goes_on(model, small_model):
    pipeline = Pipeline(model, config=Config(batch=1))
    results = []
    for result in pipeline.run(ListSource(make_frames(8))):
        results.append(result)
        with pytest.raises(ConfigError, match="made by digits"):
            pipeline.set_text_labels(make_texts("sit", tower="digits"))
    assert len(results) == 8
    assert label_changes(results) == []
    with pytest.raises(ConfigError, match="trained with --text-labels"):
        Pipeline(small_model).set_text_labels(FIRST)
