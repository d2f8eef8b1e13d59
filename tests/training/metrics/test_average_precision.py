import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from vidcache.errors import InputError
from vidcache.training.metrics import (
    average_precision,
    calibrated_average_precision,
    mean_average_precision,
    mean_calibrated_average_precision,
    precision_recall_curve,
)

MEASURES = (average_precision, calibrated_average_precision)
MEANS = (mean_average_precision, mean_calibrated_average_precision)


def published_calibrated(scores: np.ndarray, targets: np.ndarray) -> float:
    """cPrec = TP / (TP + FP / w) at each positive frame, one frame after the other."""
    ratio = (targets == 0).sum() / (targets == 1).sum()
    hits = misses = 0
    total = 0.0
    for frame in sorted(range(len(scores)), key=lambda frame: -scores[frame]):
        if targets[frame]:
            hits += 1
            total += hits / (hits + misses / ratio)
        else:
            misses += 1
    return total / hits


def random_frames(seed: int, num_frames: int = 700) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.permutation(num_frames) + rng.uniform(0, 0.5, num_frames)
    return scores / num_frames, (rng.random(num_frames) < rng.uniform(0.02, 0.9)).astype(int)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_scikit_learn(seed):
    scores, targets = random_frames(seed)
    assert average_precision(scores, targets) == pytest.approx(
        average_precision_score(targets, scores), abs=1e-9
    )


@pytest.mark.parametrize("levels", [1, 3, 10])
def test_average_precision_is_that_of_scikit_learn_with_ties(levels):
    rng = np.random.default_rng(levels)
    scores, targets = rng.integers(0, levels, 400), rng.random(400) < 0.2
    assert average_precision(scores, targets) == pytest.approx(
        average_precision_score(targets, scores), abs=1e-9
    )


@pytest.mark.parametrize("seed", range(5))
def test_calibrated_average_precision_is_the_published_one(seed):
    scores, targets = random_frames(seed)
    assert calibrated_average_precision(scores, targets) == pytest.approx(
        published_calibrated(scores, targets), abs=1e-9
    )


def test_calibrated_average_precision_of_a_case_worked_by_hand():
    # w = 4 / 2: precision 1 at the first positive, 2 / (2 + 1 / 2) at the second.
    value = calibrated_average_precision([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [1, 0, 1, 0, 0, 0])
    assert value == pytest.approx((1 + 0.8) / 2)


def test_frames_of_equal_score_count_together():
    # Two of four positives and one of two others share the second threshold.
    scores, targets = [0.9, 0.5, 0.5, 0.5, 0.1, 0.1], [1, 1, 1, 0, 1, 0]
    assert average_precision(scores, targets) == pytest.approx((1 + 2 * 3 / 4 + 4 / 6) / 4)
    # w = 1 / 2: a miss counts twice.
    assert calibrated_average_precision(scores, targets) == pytest.approx(
        (1 + 2 * 3 / (3 + 2) + 4 / (4 + 4)) / 4
    )


def test_equal_scores_gain_nothing_from_their_order():
    targets = [1] * 5 + [0] * 95
    assert average_precision(np.full(100, 0.5), targets) == pytest.approx(0.05)
    assert calibrated_average_precision(np.full(100, 0.5), targets) == pytest.approx(0.5)


def test_chance_is_about_one_half_when_calibrated():
    rng = np.random.default_rng(1)
    targets = rng.random(20_000) < 0.01
    assert calibrated_average_precision(rng.random(20_000), targets) == pytest.approx(0.5, abs=0.05)
    assert average_precision(rng.random(20_000), targets) == pytest.approx(0.01, abs=0.01)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_perfect_order_is_one_and_no_positive_frame_is_nan(measure):
    assert measure([0.9, 0.8, 0.2], [1, 1, 0]) == 1.0
    assert measure([0.9, 0.8], [1, 1]) == 1.0
    assert np.isnan(measure([0.9, 0.8], [0, 0]))


@pytest.mark.parametrize("measure", MEASURES)
def test_infinite_and_unsigned_scores_keep_their_order(measure):
    targets = [1, 0, 0, 1]
    expected = measure([3.0, 2.0, 2.0, 1.0], targets)
    assert measure([np.inf, 2.0, 2.0, -np.inf], targets) == expected
    assert measure(np.array([3, 2, 2, 1], np.uint8), targets) == expected
    assert measure(np.array([3, 2, 2, 1], np.float16), targets) == expected


tied_frames = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40).filter(
    lambda frames: any(shown for _, shown in frames)
)


@pytest.mark.parametrize("measure", MEASURES)
@given(frames=tied_frames, seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_neither_order_nor_scale_of_scores_matters(measure, frames, seed):
    scores, targets = np.array([score for score, _ in frames]), np.array([t for _, t in frames])
    value = measure(scores, targets)
    assert 0 < value <= 1
    order = np.random.default_rng(seed).permutation(len(frames))
    assert measure(scores[order], targets[order]) == pytest.approx(value, abs=1e-12)
    assert measure(np.exp(3.0 * scores) - 5, targets) == pytest.approx(value, abs=1e-12)


@given(frames=tied_frames, copies=st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_calibration_makes_the_number_of_negative_frames_meaningless(frames, copies):
    scores, targets = np.array([score for score, _ in frames]), np.array([t for _, t in frames])
    many = np.concatenate([scores, *[scores[~targets]] * (copies - 1)])
    shown = np.concatenate([targets, *[targets[~targets]] * (copies - 1)])
    assert calibrated_average_precision(many, shown) == pytest.approx(
        calibrated_average_precision(scores, targets), abs=1e-12
    )


def test_means_leave_out_the_background_ignored_frames_and_labels_never_shown():
    rng = np.random.default_rng(2)
    scores = rng.random((300, 5))
    targets = (rng.random((300, 5)) < 0.3).astype(float)
    ignore = rng.random(300) < 0.2
    targets[~ignore, 3] = 0
    scores[ignore, 1], targets[ignore, 2] = np.nan, -1
    kept = ~ignore
    for mean, measure in zip(MEANS, MEASURES, strict=True):
        each = {k: measure(scores[kept, k], targets[kept, k]) for k in (0, 1, 2, 4)}
        value = mean(scores, targets, ignore=ignore)
        assert value == pytest.approx(np.mean([each[1], each[2], each[4]]), abs=1e-12)
        value = mean(scores, targets, background=4, ignore=ignore.astype(int))
        assert value == pytest.approx(np.mean([each[0], each[1], each[2]]), abs=1e-12)
        value = mean(scores, targets, background=None, ignore=ignore)
        assert value == pytest.approx(np.mean(list(each.values())), abs=1e-12)


@pytest.mark.parametrize("mean", MEANS)
def test_means_without_any_label_shown_are_nan(mean):
    assert np.isnan(mean([[0.1, 0.9]], [[1, 0]]))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("scores", "targets", "complaint"),
    [
        ([], [], r"shape \(0,\).*at least one frame"),
        ([0.1, 0.2], [1], r"\(2,\) and targets of shape \(1,\)"),
        ([[0.1]], [[1]], r"give both as \(frames,\)"),
        ([0.1, np.nan], [1, 0], "1 of 2 scores are NaN"),
        ([0.1, 0.2], [1, 2], "targets hold 2"),
        ([0.1, 0.2], [0.5, 0], r"targets hold 0\.5"),
        ([0.1, 0.2], [np.nan, 0], "targets hold nan"),
        (["a", "b"], [1, 0], "give numbers"),
    ],
)
def test_what_is_no_frames_of_one_label_is_refused(measure, scores, targets, complaint):
    with pytest.raises(InputError, match=complaint):
        measure(scores, targets)


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"background": 2}, "background is 2, but there are 2 labels"),
        ({"background": -1}, "background is -1"),
        ({"ignore": [True]}, r"shape \(1,\) for 3 frames"),
        ({"ignore": [1, 1, 1]}, "all 3 frames are ignored"),
        ({"ignore": [0, 1, 7]}, "ignore hold"),
    ],
)
def test_options_that_do_not_fit_are_refused(mean, options, complaint):
    with pytest.raises(InputError, match=complaint):
        mean(np.random.default_rng(0).random((3, 2)), [[1, 0], [0, 1], [0, 1]], **options)


@pytest.mark.parametrize("mean", MEANS)
def test_the_background_alone_cannot_be_scored(mean):
    with pytest.raises(InputError, match="the only label"):
        mean([[0.5], [0.2]], [[1], [0]])
    assert mean([[0.5], [0.2]], [[1], [0]], background=None) == 1.0


def test_the_curve_has_one_entry_for_each_different_score():
    curve = precision_recall_curve([0.9, 0.5, 0.5, 0.1], [1, 0, 1, 0])
    assert curve.thresholds.tolist() == [0.9, 0.5, 0.1]
    assert curve.precision.tolist() == pytest.approx([1, 2 / 3, 1 / 2])
    assert curve.recall.tolist() == [0.5, 1, 1]
