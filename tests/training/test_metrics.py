import numpy as np
import pytest

from vidcache.errors import InputError
from vidcache.training.metrics import (
    average_precision,
    calibrated_average_precision,
    frame_metrics,
)


def test_average_precision_is_that_of_scikit_learn():
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for levels in (3, 10, 1000):
        scores = rng.integers(0, levels, 400) / levels
        positives = rng.random(400) < 0.2
        expected = sklearn_metrics.average_precision_score(positives, scores)
        assert average_precision(scores, positives) == pytest.approx(expected, abs=1e-12)


def test_calibrated_average_precision_of_a_case_worked_by_hand():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    positives = np.array([True, False, True, False, False, False])
    # w = 4 / 2: precision 1 at the first positive, 2 / (2 + 1 / 2) at the second.
    assert calibrated_average_precision(scores, positives) == pytest.approx((1 + 0.8) / 2)


def test_equal_scores_gain_nothing_from_their_order():
    positives = np.array([True] * 5 + [False] * 95)
    scores = np.full(100, 0.5)
    assert average_precision(scores, positives) == pytest.approx(0.05)
    assert calibrated_average_precision(scores, positives) == pytest.approx(0.5)


def test_chance_is_about_one_half_when_calibrated():
    rng = np.random.default_rng(1)
    positives = rng.random(20_000) < 0.01
    assert calibrated_average_precision(rng.random(20_000), positives) == pytest.approx(
        0.5, abs=0.05
    )


def test_a_label_without_positives_has_no_precision():
    assert np.isnan(average_precision(np.array([0.1, 0.2]), np.array([False, False])))


def test_frame_metrics_leave_the_background_out_and_allow_several_labels():
    scores = np.array([[0.1, 0.6, 0.3], [0.8, 0.1, 0.1], [0.2, 0.2, 0.6], [0.1, 0.5, 0.4]])
    targets = np.array([[0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]], dtype=float)
    result = frame_metrics(scores, targets)
    assert result.accuracy == pytest.approx(3 / 4)
    assert np.isnan(result.average_precisions[0])
    assert result.average_precisions[1] == pytest.approx(1.0)
    assert result.mean_average_precision == pytest.approx(np.mean(result.average_precisions[1:]))
    assert result.num_frames == 4


def test_frame_metrics_refuse_scores_that_do_not_fit():
    with pytest.raises(InputError, match=r"\(2, 3\)"):
        frame_metrics(np.zeros((2, 3)), np.zeros((2, 4)))
