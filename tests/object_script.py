"""A model of objects' actions with random weights, and a tracker that follows a script."""

from vidcache.frames import Track

LABELS = ("stand", "walk", "run")


class Script:
    """A tracker that says what it is told: for each frame its tracks as (number, left edge)."""

    name = "script"
    description = "a script"

    def __init__(self, frames, label="person"):
        self.session = 0
        self._frames = frames
        self._label = label
        self._next = 0

    def update(self, image_rgb):
        tracks = self._frames[self._next]
        self._next += 1
        return tuple(
            Track(number, self._label, 0.9, (left, 2.0, left + 8.0, 26.0))
            for number, left in sorted(tracks)
        )

    def reset(self):
        self.session += 1

    def twin(self):
        return Script(self._frames, self._label)


def make_object_model(sources=("motion", "pose"), **settings):
    """A small model with random weights, whose scores change from frame to frame."""
    import torch

    from vidcache.cache import TimeWindow
    from vidcache.head import HeadConfig
    from vidcache.model.object_model import ObjectActionModel, ObjectModelConfig

    head = HeadConfig(
        in_features=16,
        width=16,
        depth=1,
        num_heads=2,
        num_iterations=2,
        num_outputs=len(LABELS),
        num_tokens=len(sources),
        eviction=TimeWindow(2.0, max_frames=32),
        positions="seconds",
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = ObjectModelConfig(
            LABELS, head, sources, threshold=0.4, temperature=0.3, **settings
        )
        model = ObjectActionModel(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()
