"""The memory task that the README shows."""

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def task(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("memory_task_memories")


@pytest.fixture
def weights(task):
    from vidcache import CameraHead

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CameraHead(task.CONFIG).state_dict()


@pytest.mark.parametrize("budget", [16, 32, 64])
def test_no_memory_attends_to_more_than_its_budget(task, budget):
    for memory in task.memories(budget):
        assert memory.policy.capacity + memory.retrieved <= budget


def test_a_trial_does_not_depend_on_those_drawn_with_it(task):
    several, one = task.draw_trials(range(3), seed=0), task.draw_trials(range(2, 3), seed=0)
    scenes = len(one.labels)
    for name in ("features", "kinds", "labels", "last_cue"):
        drawn = getattr(several, name).unflatten(0, (scenes, 3))[:, 2]
        assert torch.equal(drawn, getattr(one, name))


def test_the_question_shows_neither_cue_nor_answer(task):
    trials = task.draw_trials(range(1), seed=0)
    cues = trials.features[torch.arange(len(trials.labels)), trials.last_cue]
    asked = task.ask(cues, trials.kinds)
    others = task.ask(cues.roll(1, dims=1), trials.kinds)
    marks = slice(0, 16)
    assert torch.equal(asked[:, marks], others[:, marks])


def test_answers_do_not_depend_on_the_order_of_a_batch(task, weights):
    memory = task.memories(16)[0]
    trials = task.draw_trials(range(1), seed=0)
    right = task.right_answers(weights, memory, trials)
    order = torch.tensor([3, 0, 4, 1, 2])
    shuffled = replace(
        trials,
        **{name: getattr(trials, name)[order] for name in ("features", "kinds", "labels")},
        last_cue=trials.last_cue[order],
    )
    assert torch.equal(task.right_answers(weights, memory, shuffled), right[order])


def test_a_pinned_cue_is_held_at_every_question(task, weights, monkeypatch):
    from vidcache import HeadState

    rollback, held = HeadState.rollback, []

    def note(state, num_frames, rows=None):
        held.append([state.cached_frames(row) for row in range(state.batch_size)])
        rollback(state, num_frames, rows)

    monkeypatch.setattr(HeadState, "rollback", note)
    trials = task.draw_trials(range(1), seed=0)
    pinned = next(memory for memory in task.memories(16) if memory.pins_cue)
    task.right_answers(weights, pinned, trials)
    for row, cue in enumerate(trials.last_cue.tolist()):
        assert all(cue in frames[row] for frames in held if max(frames[row]) > cue)
