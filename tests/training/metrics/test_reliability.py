import numpy as np
import pytest

from vidcache.errors import InputError
from vidcache.training.metrics import reliability, said_labels


def test_the_reliability_of_a_case_worked_by_hand():
    result = reliability([0.05, 0.15, 0.9, 0.7, 1.0], [0, 1, 1, 0, 1], num_bins=2)
    assert result.counts.tolist() == [2, 3]
    assert result.mean_scores.tolist() == pytest.approx([0.1, 2.6 / 3])
    assert result.hit_rates.tolist() == pytest.approx([1 / 2, 2 / 3])
    assert result.error == pytest.approx(2 / 5 * 0.4 + 3 / 5 * 0.2)


def test_parts_without_scores_do_not_count():
    result = reliability([0.95, 0.95], [1, 0], num_bins=10)
    assert np.isnan(result.hit_rates[:9]).all()
    assert result.error == pytest.approx(0.45)


def test_what_are_no_probabilities_is_refused():
    with pytest.raises(InputError, match="give probabilities"):
        reliability([1.5], [1])
    with pytest.raises(InputError, match="num_bins"):
        reliability([0.5], [1], num_bins=0)
    with pytest.raises(InputError, match="activation"):
        said_labels([[0.5]], 0.5, "relu")
