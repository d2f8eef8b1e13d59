import torch

from vidcache.training.frame_classifier import train_frame_classifier


def test_a_frame_classifier_learns_what_a_single_frame_shows():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (600,), generator=generator)
    features = 0.3 * torch.randn(600, 2, 4, generator=generator)
    features[torch.arange(600), 0, labels] += 3.0
    targets = torch.nn.functional.one_hot(labels, 3).float()
    for hidden in (0, 16):
        classifier = train_frame_classifier(
            features[:500], targets[:500], hidden=hidden, num_epochs=30, batch_size=50
        )
        told = classifier(features[500:].view(10, 10, 2, 4)).argmax(-1).flatten()
        assert (told == labels[500:]).float().mean() > 0.9


def test_the_same_seed_gives_the_same_classifier():
    features, targets = torch.randn(40, 2, 3), torch.rand(40, 2).softmax(-1)
    first, second = (
        train_frame_classifier(features, targets, num_epochs=1, seed=5) for _ in range(2)
    )
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
