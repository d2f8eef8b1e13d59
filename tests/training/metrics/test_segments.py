from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcache.errors import InputError
from vidcache.training.metrics import (
    SegmentCounts,
    edit_score,
    label_segments,
    segment_counts,
    segmental_f1,
)

sequences = st.lists(st.integers(0, 3), min_size=1, max_size=25)
pairs = st.integers(1, 25).flatmap(
    lambda size: st.tuples(
        *[st.lists(st.integers(0, 3), min_size=size, max_size=size) for _ in range(2)]
    )
)


def slow_runs(labels: list) -> list[tuple[object, set[int]]]:
    """Each run of a label with the frames that it covers."""
    groups = groupby(range(len(labels)), key=lambda frame: labels[frame])
    return [(label, set(frames)) for label, frames in groups]


def slow_distance(one: list, other: list) -> int:
    """Levenshtein's distance by its recursive definition."""
    table = {}
    for a in range(len(one) + 1):
        for b in range(len(other) + 1):
            if not a or not b:
                table[a, b] = a + b
            else:
                changed = table[a - 1, b - 1] + (one[a - 1] != other[b - 1])
                table[a, b] = min(table[a - 1, b] + 1, table[a, b - 1] + 1, changed)
    return table[len(one), len(other)]


def slow_counts(predicted: list, truth: list, overlap: float) -> tuple[int, int, int]:
    """The published matching on sets of frames."""
    true = slow_runs(truth)
    used, wrong = set(), 0
    for label, frames in slow_runs(predicted):
        parts = [
            len(frames & others) / len(frames | others) if name == label else 0.0
            for name, others in true
        ]
        best = parts.index(max(parts))
        if parts[best] >= overlap and best not in used:
            used.add(best)
        else:
            wrong += 1
    return len(used), wrong, len(true) - len(used)


@given(pair=pairs)
@settings(max_examples=80, deadline=None)
def test_edit_score_is_the_published_one(pair):
    ours, theirs = ([label for label, _ in slow_runs(labels)] for labels in pair)
    expected = 1 - slow_distance(ours, theirs) / max(len(ours), len(theirs))
    assert edit_score(*pair) == pytest.approx(expected, abs=1e-9)


@given(pair=pairs, overlap=st.sampled_from([0.1, 0.25, 0.5, 1.0]))
@settings(max_examples=80, deadline=None)
def test_segmental_f1_is_the_published_one(pair, overlap):
    found, wrong, missed = slow_counts(*pair, overlap)
    assert segment_counts(*pair, overlap) == SegmentCounts(found, wrong, missed)
    precision, recall = found / (found + wrong), found / (found + missed)
    expected = 2 * precision * recall / (precision + recall) if found else 0.0
    assert segmental_f1(*pair, overlap) == pytest.approx(expected, abs=1e-9)


@given(labels=sequences)
@settings(max_examples=20, deadline=None)
def test_a_sequence_agrees_with_itself_and_nothing_with_another_label(labels):
    assert edit_score(labels, labels) == segmental_f1(labels, labels, overlap=1.0) == 1.0
    others = [label + 10 for label in labels]
    assert edit_score(labels, others) == segmental_f1(labels, others, overlap=0.1) == 0.0


def test_edit_score_of_cases_worked_by_hand():
    truth = list("aabbcc")
    assert edit_score(list("abbbbc"), truth) == 1.0
    assert edit_score(list("aacccc"), truth) == pytest.approx(1 - 1 / 3)
    # a b a b c c: two segments too many, of five.
    assert edit_score(list("ababcc"), truth) == pytest.approx(1 - 2 / 5)
    assert edit_score(list("ccbbaa"), truth) == pytest.approx(1 - 2 / 3)


def test_segmental_f1_of_a_case_worked_by_hand():
    truth = [0] * 10 + [1] * 10 + [2] * 10
    # 0: 8 / 10. 1: two pieces, 5 / 13 and 4 / 10. 2: 7 / 10, and a short one far away.
    said = [0] * 8 + [1] * 7 + [0] + [1] * 4 + [0] * 3 + [2] * 7
    assert segmental_f1(said, truth, 0.1) == pytest.approx(2 * 3 / (6 + 3))
    assert segmental_f1(said, truth, 0.4) == pytest.approx(2 * 3 / (6 + 3))
    assert segmental_f1(said, truth, 0.5) == pytest.approx(2 * 2 / (6 + 3))
    assert segmental_f1(said, truth, 0.75) == pytest.approx(2 * 1 / (6 + 3))


def test_a_segment_said_in_two_pieces_is_found_once():
    # 4 and 5 of 10 frames: the first piece that suffices takes it.
    truth, said = [1] * 10, [1] * 4 + [0] + [1] * 5
    assert segment_counts(said, truth, 0.3, background=0) == SegmentCounts(1, 1, 0)
    assert segment_counts(said, truth, 0.45, background=0) == SegmentCounts(1, 1, 0)
    assert segment_counts(said, truth, 0.6, background=0) == SegmentCounts(0, 2, 1)


def test_the_background_makes_no_segments():
    truth, said = [0, 0, 1, 1, 0, 2], [0, 1, 1, 0, 2, 2]
    names = np.array(["background", "wave", "jump"])
    assert edit_score(said, truth, background=0) == 1.0
    assert edit_score(names[said], names[truth], background="background") == 1.0
    assert len(label_segments(truth)) == 4
    assert [s.label for s in label_segments(truth, background=0)] == [1, 2]
    assert edit_score([0, 0], [0, 0], background=0) == 1.0
    assert segmental_f1([0, 0], [0, 0], background=0) == 1.0
    assert edit_score([0, 0], [0, 1], background=0) == 0.0
    assert segmental_f1([0, 1], [0, 0], background=0) == 0.0


def test_counts_of_videos_add_up():
    total = SegmentCounts(2, 1, 0) + SegmentCounts(1, 0, 3)
    assert total == SegmentCounts(3, 1, 3)
    assert total.f1 == pytest.approx(6 / 10)


@pytest.mark.parametrize("measure", [edit_score, segmental_f1])
@pytest.mark.parametrize(
    ("predicted", "truth", "complaint"),
    [
        ([], [], r"predicted has the shape \(0,\)"),
        ([1, 2], [1], "2 predicted and 1 true labels"),
        ([1], [[1]], r"truth has the shape \(1, 1\)"),
        ([np.nan], [1.0], "predicted holds NaN"),
    ],
)
def test_what_are_no_two_label_sequences_is_refused(measure, predicted, truth, complaint):
    with pytest.raises(InputError, match=complaint):
        measure(predicted, truth)


@pytest.mark.parametrize("overlap", [0, -0.1, 1.5, float("nan")])
def test_an_overlap_out_of_range_is_refused(overlap):
    with pytest.raises(InputError, match="overlap is"):
        segmental_f1([1], [1], overlap)
