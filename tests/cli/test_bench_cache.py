"""`bench cache`."""

import sys

import pytest
import torch

from vidcache.cli.cache_workload import Workload, budget_policies, measure_turns, run_policy
from vidcache.head import HeadConfig

SMALL = ("--frames", 60, "--budget", 16, "--width", 16, "--heads", 2, "--depth", 1,
         "--iterations", 1, "--rounds", 1)  # fmt: skip
CONFIG = HeadConfig(16, 16, depth=1, num_heads=2, num_iterations=1, num_outputs=4)


def rows(text):
    """The cells of each row of the Markdown tables, by the row's first cell."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_every_policy_is_measured_and_drawn(call, tmp_path):
    picture = tmp_path / "held.png"
    code, out, _ = call("bench", "cache", *SMALL, "--plot", picture)
    assert code == 0
    table = rows(out)
    columns = table["policy"]
    for name in ("SlidingWindow", "LogSpaced", "HeavyHitter", "LeastNovel", "Composed"):
        figures = dict(zip(columns, table[name], strict=True))
        assert figures["appended"] == "60"
        assert figures["paged = dense"] == "yes"
    assert dict(zip(columns, table["SlidingWindow"], strict=True))["evicted by reach"] == "44"
    assert dict(zip(columns, table["HeavyHitter"], strict=True))["exact"] == "until frame 16"
    assert table["prefixes of up to 60 frames"][:2] == ["1", "1"]
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("budget", [16, 32, 48])
def test_every_policy_holds_the_same_budget(budget):
    assert {policy.capacity for policy in budget_policies(budget)} == {budget}


def test_runs_note_what_was_held_after_each_frame():
    workload = Workload.draw(CONFIG, 60)
    for policy in budget_policies(16):
        run = run_policy(workload, policy)
        assert len(run.held) == 60
        assert all(now in frames and len(frames) <= 16 for now, frames in enumerate(run.held))
        assert run.stats.evicted == sum(run.stats.evicted_by.values())
        assert run.paged_is_equal


def test_turns_compare_with_the_first_run():
    workload = Workload.draw(CONFIG, 60)
    runs = [run_policy(workload, policy) for policy in budget_policies(16)[:2]]
    measured = measure_turns(workload, runs, rounds=3)
    assert [len(row) for row in measured] == [3, 3]
    assert measured[0][1] == 1.0


def test_the_workload_is_the_same_each_time():
    first, second = Workload.draw(CONFIG, 60), Workload.draw(CONFIG, 60)
    assert torch.equal(first.features, second.features)
    policy = budget_policies(16)[0]
    assert first.head(policy).fingerprint() == second.head(policy).fingerprint()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--budget", 20), "--budget is 20"),
        (("--frames", 10), "--frames is 10"),
        (("--plot", "nowhere/held.png"), "is no folder"),
    ],
)
def test_wrong_use_is_one_line(call, flags, message):
    code, out, err = call("bench", "cache", *flags)
    assert (code, out) == (2, "")
    assert message in err


def test_a_picture_needs_matplotlib_and_says_so(call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = call("bench", "cache", "--plot", tmp_path / "held.png")
    assert (code, out) == (2, "")
    assert "needs matplotlib" in err


def test_a_picture_of_an_unknown_kind_is_refused(call, tmp_path):
    code, _, err = call("bench", "cache", *SMALL, "--plot", tmp_path / "held.mystery")
    assert code == 2
    assert "--plot is" in err
