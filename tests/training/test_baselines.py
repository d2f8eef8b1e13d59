import pytest
import torch
from labelled_motion import make_motion_videos

from vidcache.training.baselines import FrameBaseline, GruBaseline, LastFrames, train_rival
from vidcache.training.learning.losses import LabelObjective
from vidcache.training.train_settings import TrainSettings

SETTINGS = TrainSettings.model_validate(
    {
        "epochs": 25,
        "clips_per_batch": 4,
        "learning_rate": 1e-2,
        "augment": {"drop": 0.0, "frame_drop": 0.0, "tempo": 1.0, "noise": 0.0},
    }
)


def best_score(module, objective):
    videos, epochs = make_motion_videos(24), []
    train_rival(module, objective, videos[:18], videos[18:], SETTINGS, epochs.append)
    return max(epoch.mean_average_precision for epoch in epochs)


def test_a_gru_learns_what_only_time_tells_and_single_frames_do_not():
    objective = LabelObjective("softmax")
    torch.manual_seed(0)
    gru, frames = GruBaseline(12, 3, width=24), FrameBaseline(12, 3, hidden=24)
    assert best_score(gru, LastFrames(objective, 12)) > 0.8
    assert best_score(frames, objective) < 0.6


@pytest.mark.parametrize("module", [GruBaseline(12, 3), FrameBaseline(12, 3, hidden=0)])
def test_rivals_do_not_see_the_future(module):
    module.eval()
    features = torch.randn(2, 9, 2, 6)
    seconds = torch.zeros(2, 9)
    whole = module(features, seconds).prediction
    assert torch.allclose(
        module(features[:, :5], seconds[:, :5]).prediction, whole[:, :5], atol=1e-6
    )


def test_a_loss_on_the_last_frames_counts_from_the_end_of_each_clip():
    counted = torch.tensor([[True] * 5 + [False] * 3, [True] * 8])
    logits = torch.zeros(2, 8, 3, requires_grad=True)
    targets = torch.eye(3)[torch.zeros(2, 8, dtype=torch.long)]
    LastFrames(LabelObjective("softmax"), 2).loss((logits,), targets, counted).backward()
    assert logits.grad is not None
    touched = logits.grad.abs().sum(-1) > 0
    assert touched.nonzero().tolist() == [[0, 3], [0, 4], [1, 6], [1, 7]]
