import pytest
import torch

from vidcache.errors import ConfigError
from vidcache.training.learning.losses import LabelObjective, label_weights

COUNTED = torch.tensor([[True, True, False]])
TARGETS = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]])


def test_later_passes_weigh_more():
    wrong, right = 8 * (0.5 - TARGETS), 8 * (TARGETS - 0.5)
    for activation in ("softmax", "sigmoid"):
        objective = LabelObjective(activation)
        better = objective.loss((wrong, right), TARGETS, COUNTED)
        assert better < objective.loss((right, wrong), TARGETS, COUNTED)


def test_frames_that_do_not_count_have_no_part_in_the_loss():
    logits = torch.randn(1, 3, 2, requires_grad=True)
    LabelObjective("softmax").loss((logits,), TARGETS, COUNTED).backward()
    assert logits.grad is not None
    assert logits.grad[0, 2].abs().sum() == 0
    assert logits.grad[0, 0].abs().sum() > 0


def test_a_batch_in_which_nothing_counts_has_no_loss():
    logits = torch.randn(1, 3, 2, requires_grad=True)
    loss = LabelObjective("sigmoid").loss((logits,), TARGETS, torch.zeros(1, 3, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0.0


def test_a_frame_of_two_labels_shares_its_weight_or_is_right_twice():
    both, counted = torch.ones(1, 1, 2), torch.ones(1, 1, dtype=torch.bool)
    sure = torch.full((1, 1, 2), 20.0)
    assert float(LabelObjective("sigmoid").loss((sure,), both, counted)) < 1e-6
    assert float(LabelObjective("softmax").loss((sure,), both, counted)) == pytest.approx(
        0.6931, 1e-3
    )


def test_scores_are_probabilities():
    logits = torch.randn(4, 5, 3)
    assert torch.allclose(LabelObjective("softmax").scores(logits).sum(-1), torch.ones(4, 5))
    assert torch.equal(LabelObjective("sigmoid").scores(logits), logits.sigmoid())


def test_balance_makes_rare_labels_weigh_more():
    counts = torch.tensor([90.0, 10.0, 0.0])
    assert label_weights(counts, "none") is None
    inverse, root = label_weights(counts, "inverse"), label_weights(counts, "root")
    assert inverse is not None
    assert root is not None
    assert torch.allclose((inverse * counts)[:2], torch.tensor([50.0, 50.0]))
    assert inverse[1] > root[1] > 1 > root[0] > inverse[0]
    assert inverse[2] == root[2] == 1
    with pytest.raises(ConfigError, match="'root'"):
        label_weights(counts, "some")  # type: ignore[arg-type]
