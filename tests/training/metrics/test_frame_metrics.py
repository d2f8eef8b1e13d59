import numpy as np
import pytest

from vidcache.errors import InputError
from vidcache.training.metrics import (
    confusion_matrix,
    frame_accuracy,
    frame_metrics,
    mean_average_precision,
    mean_calibrated_average_precision,
    shown_labels,
)


def test_frame_metrics_leave_the_background_out_and_allow_several_labels():
    scores = np.array([[0.1, 0.6, 0.3], [0.8, 0.1, 0.1], [0.2, 0.2, 0.6], [0.1, 0.5, 0.4]])
    targets = np.array([[0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]], dtype=float)
    result = frame_metrics(scores, targets)
    assert result.accuracy == pytest.approx(3 / 4)
    assert np.isnan(result.average_precisions[0])
    assert result.average_precisions[1] == pytest.approx(1.0)
    assert result.mean_average_precision == pytest.approx(mean_average_precision(scores, targets))
    assert result.mean_calibrated_precision == pytest.approx(
        mean_calibrated_average_precision(scores, targets)
    )
    assert (result.num_positives, result.num_frames) == ((1, 3, 1), 4)


def test_ignored_frames_do_not_count():
    scores, targets = [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]], [[1, 0], [0, 1], [0, 1]]
    assert frame_accuracy(scores, targets) == pytest.approx(2 / 3)
    assert frame_accuracy(scores, targets, ignore=[0, 1, 0]) == 1.0
    assert frame_metrics(scores, targets, ignore=[0, 1, 0]).num_frames == 2


def test_frame_metrics_refuse_scores_that_do_not_fit():
    with pytest.raises(InputError, match=r"\(2, 3\)"):
        frame_metrics(np.zeros((2, 3)), np.zeros((2, 4)))


def test_of_several_labels_the_one_that_began_last_makes_the_segment():
    targets = [[0, 1, 0], [0, 1, 1], [0, 1, 0], [0, 1, 1], [0, 0, 0], [0, 1, 1]]
    assert shown_labels(targets).tolist() == [1, 2, 1, 2, 0, 1]


def test_the_confusion_of_a_case_worked_by_hand():
    targets = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 1, 1], [0, 0, 0], [0, 0, 1]])
    # The third frame shows what was said of it; the fourth does not, and counts for its first.
    matrix = confusion_matrix([0, 2, 2, 0, 1, 2], targets)
    assert matrix.tolist() == [[1, 0, 0], [1, 0, 1], [0, 0, 2]]


@pytest.mark.parametrize("predicted", [[0], [0, 3], [0, -1], [[0, 1]]])
def test_confusion_refuses_numbers_that_are_no_labels(predicted):
    with pytest.raises(InputError, match="give the number of a label"):
        confusion_matrix(predicted, np.eye(3)[:2])
