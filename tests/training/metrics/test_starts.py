import numpy as np
import pytest

from vidcache.errors import InputError
from vidcache.training.metrics import (
    DetectedStart,
    detect_starts,
    said_labels,
    start_metrics,
    true_starts,
)


def test_starts_are_where_another_label_becomes_the_best():
    scores = np.array([[8, 1, 1], [3, 5, 2], [1, 6, 3], [2, 4, 4], [0, 1, 9], [9, 0, 1], [1, 9, 0]])
    seconds = np.arange(7) / 2
    scores = scores / 10
    starts = detect_starts(scores, said_labels(scores, 0.0), seconds)
    assert starts == (
        DetectedStart(1, 0.5, 0.5),
        DetectedStart(2, 2.0, 0.9),
        DetectedStart(1, 3.0, 0.9),
    )
    sure = detect_starts(scores, said_labels(scores, 0.6), seconds)
    assert [(start.label, start.seconds) for start in sure] == [(1, 1.0), (2, 2.0), (1, 3.0)]
    assert detect_starts(scores, said_labels(scores, 0.0), seconds, background=None)[0].label == 0


def test_labels_that_go_side_by_side_start_each_by_itself():
    scores = np.array([[0.9, 0.1, 0.6], [0.1, 0.7, 0.8], [0.1, 0.6, 0.2], [0.1, 0.6, 0.6]])
    starts = detect_starts(scores, said_labels(scores, 0.5, "sigmoid"), np.arange(4))
    assert [(start.label, start.seconds) for start in starts] == [(2, 0.0), (1, 1.0), (2, 3.0)]


def test_true_starts_are_those_of_every_label_shown():
    targets = [[0, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 1]]
    assert true_starts(targets, [0, 1, 2, 4]) == (
        DetectedStart(1, 0.0),
        DetectedStart(2, 1.0),
        DetectedStart(2, 4.0),
    )


def test_point_level_precision_of_a_case_worked_by_hand():
    truth = [[DetectedStart(1, 10.0), DetectedStart(1, 30.0)], [DetectedStart(1, 5.0)]]
    said = [
        [
            DetectedStart(1, 10.5, 0.9),  # right from 1 s on
            DetectedStart(1, 11.0, 0.8),  # the same start again: wrong
            DetectedStart(1, 27.0, 0.6),  # right from 3 s on
            DetectedStart(2, 10.0, 1.0),  # a label that never starts: not scored
        ],
        [DetectedStart(1, 15.0, 0.7)],  # right at 10 s only
    ]
    metrics = start_metrics(said, truth, offsets=[1, 3, 10])
    assert metrics.average_precisions == pytest.approx(
        [1 / 3, (1 + 2 / 4) / 3, (1 + 2 / 3 + 3 / 4) / 3]
    )
    assert metrics.mean_average_precision == pytest.approx(np.mean(metrics.average_precisions))
    assert metrics.mean_latency == pytest.approx((0.5 - 3.0 + 10.0) / 3)
    assert metrics.recall == 1.0
    assert (metrics.num_starts, metrics.num_detected) == (3, 5)


def test_equal_scores_enter_the_precision_together():
    truth = [[DetectedStart(1, 0.0)], []]
    for said in ([[0.0], [7.0]], [[7.0], [0.0]]):
        detected = [[DetectedStart(1, seconds, 0.5) for seconds in video] for video in said]
        found = start_metrics(detected, truth, offsets=[1]).mean_average_precision
        assert found == (0.5 if said[0] == [0.0] else 0.0)


def test_ten_offsets_are_usual_and_nothing_detected_is_zero():
    metrics = start_metrics([[]], [[DetectedStart(1, 3.0)]])
    assert metrics.offsets == tuple(range(1, 11))
    assert metrics.mean_average_precision == metrics.recall == 0.0
    assert np.isnan(metrics.mean_latency)
    assert np.isnan(start_metrics([[]], [[]]).mean_average_precision)


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(InputError, match="of 1 videos and true ones of 2"):
        start_metrics([[]], [[], []])
    with pytest.raises(InputError, match="offsets are"):
        start_metrics([[]], [[]], offsets=[0])
    with pytest.raises(InputError, match="one time a frame"):
        detect_starts([[0.5, 0.5]], [[1, 0]], [0, 1])
    with pytest.raises(InputError, match="none earlier"):
        true_starts([[1, 0], [0, 1]], [1, 0])
