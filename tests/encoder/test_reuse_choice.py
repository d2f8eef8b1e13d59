"""Token reuse is timed against the encoder, on pictures that it is for, and the answer kept."""

import numpy as np
import pytest

from vidcache import FrameEncoder
from vidcache.encoder import ReusingEncoder, reuse_choice
from vidcache.encoder.reuse_choice import WHOLE, choose_reuse
from vidcache.runtime import Choice


@pytest.fixture(scope="module")
def encoder():
    return FrameEncoder("vit_tiny_patch16_224", None, image_size=128)


def test_one_of_both_is_chosen_and_kept(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("VIDCACHE_CACHE", str(tmp_path))
    choice = choose_reuse(encoder, ReusingEncoder(encoder, gate=0.1), 0.1)
    assert choice.name in (WHOLE, "reuse")
    assert choose_reuse(encoder, ReusingEncoder(encoder, gate=0.1), 0.1) == choice


def test_a_small_part_of_the_pictures_moves(encoder, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        reuse_choice,
        "choose_fastest",
        lambda question, ways: asked.update(ways) or Choice(WHOLE, str(sorted(question))),
    )
    reusing, states = ReusingEncoder(encoder, gate=0.1), []

    def watched(frames, given):
        states.extend(given)
        return reusing(frames, given)

    choose_reuse(encoder, watched, 0.1)
    run = asked["reuse"]()
    for _ in range(4):
        run()
    # The first picture alone is whole.
    assert states[0].num_dense == 1
    assert 0.1 < states[0].share < 0.5
    assert asked[WHOLE]()().shape == (8, 1, 192)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 160), (224, 224)])
def test_pictures_of_any_shape(height, width):
    frames = reuse_choice._still_camera(height, width)
    assert frames.shape == (8, height, width, 3)
    moved = (frames != frames[:1]).any(axis=(0, 3)).mean()
    assert 0 < moved < 0.2
    assert frames.dtype == np.uint8
