import numpy as np
import pytest
import torch

from vidcache.model.object_model import (
    ObjectActionModel,
    TrackMemory,
    find_bundled_object_models,
    read_object_config,
)


@pytest.fixture(scope="module")
def person() -> ObjectActionModel:
    return ObjectActionModel.load("person")


def label_of_a_box(model, velocity, size, *, seconds=2.0, rate=10.0):
    """What is said of a box that moves evenly, in body heights a second, and seen alone."""
    state, memory, scores = model.init_state(), TrackMemory(), torch.zeros(())
    rng = np.random.default_rng(0)
    for index in range(int(seconds * rate)):
        left = 300 + 150 * velocity * index / rate
        box = np.array([left, 100, left + size[0], 100 + size[1]]) + rng.normal(0, 0.5, 4)
        memory.add(index / rate, box)
        times = torch.tensor([[index / rate]], dtype=torch.float64)
        scores = model.step(model.tokens([memory])[:, None], state, times)[0, 0]
    return model.labels[int(scores.argmax())]


def test_the_bundled_model_is_small_and_says_what_it_can_honestly_say(person):
    path = find_bundled_object_models()["person"]
    assert path.stat().st_size < 1e6
    assert person.labels == ("stand", "walk", "run", "low", "jumping jacks", "wave")
    assert person.sources == ("motion", "pose")
    assert read_object_config(path) == person.config


@pytest.mark.parametrize(
    ("velocity", "size", "label"),
    [
        (0.0, (50, 150), "stand"),
        (0.8, (60, 150), "walk"),
        (2.4, (70, 150), "run"),
        (0.0, (150, 50), "low"),
    ],
)
@pytest.mark.parametrize("rate", [10.0, 30.0])
def test_a_box_alone_tells_standing_walking_running_and_lying(person, velocity, size, label, rate):
    assert label_of_a_box(person, velocity, size, rate=rate) == label
