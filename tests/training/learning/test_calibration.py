import pytest
import torch

from vidcache.errors import InputError
from vidcache.training.learning.calibration import (
    calibration_error,
    choose_threshold,
    fit_temperature,
)


def test_the_temperature_undoes_a_scale():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 5, generator=generator) * 2
    drawn = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
    targets = torch.nn.functional.one_hot(drawn, 5).float()
    assert fit_temperature(logits * 3, targets) == pytest.approx(3.0, rel=0.05)
    scores = (logits * 3 / fit_temperature(logits * 3, targets)).softmax(-1)
    assert calibration_error(scores, targets) < 0.02
    assert calibration_error((logits * 3).softmax(-1), targets) > 0.05


def test_the_threshold_is_the_least_that_is_right_often_enough():
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert choose_threshold(scores, targets, precision=1.0) == pytest.approx(0.8)
    assert choose_threshold(scores, targets, precision=0.75) == pytest.approx(0.6)
    assert choose_threshold(scores, 1 - targets, precision=1.0) == pytest.approx(0.9)


def test_a_precision_above_one_is_refused():
    with pytest.raises(InputError, match="80"):
        choose_threshold(torch.ones(1, 2), torch.ones(1, 2), precision=80)
