"""Tokens that did not change are not computed again; at gate 0 all are, exactly as without."""

import numpy as np
import pytest
import torch

from vidcache.encoder import FrameEncoder, ReuseState, ReusingEncoder
from vidcache.errors import ConfigError, InputError


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return FrameEncoder(
        "vit_tiny_patch16_224", None, image_size=64, num_tokens=5, precision="fp32"
    ).eval()


def still(num_frames, *, seed=0, moving=0):
    """Pictures of a still camera, in which a patch-sized square walks if asked to."""
    rng = np.random.default_rng(seed)
    frames = np.repeat(rng.integers(0, 255, (1, 64, 64, 3), np.uint8), num_frames, axis=0)
    for number in range(num_frames if moving else 0):
        left = 8 * number % 48
        frames[number, 16:32, left : left + 16] = 255 * (number % 2)
    return frames


def film(num_frames, seed=0):
    """Pictures that have nothing to do with each other."""
    return np.random.default_rng(seed).integers(0, 255, (num_frames, 64, 64, 3), np.uint8)


def cut(frames, size):
    return [frames[at : at + size] for at in range(0, len(frames), size)]


def error(found, exact):
    return float(((found - exact).norm(dim=-1) / exact.norm(dim=-1)).max())


@pytest.mark.parametrize("frames", [still(6, moving=1), film(6)])
def test_gate_0_is_the_encoder_itself(encoder, frames):
    state = ReuseState()
    reusing = ReusingEncoder(encoder, gate=0.0)
    found = torch.cat([reusing([frames[:4]], [state])[0], reusing([frames[4:]], [state])[0]])
    exact = torch.cat([encoder(frames[:4]), encoder(frames[4:])])
    assert torch.equal(found, exact)
    assert state.share == 1.0


def test_a_tiny_gate_differs_from_dense_by_rounding_only(encoder):
    frames = still(5, moving=1)
    found = ReusingEncoder(encoder, gate=1e-12, refresh_every=1)([frames], [ReuseState()])[0]
    assert error(found, encoder(frames)) < 1e-5


@pytest.mark.parametrize("num_tokens", [1, 5])
@pytest.mark.parametrize("chunk", [3, 7, 20])
def test_in_bf16_too_and_cut_anywhere(num_tokens, chunk):
    torch.manual_seed(0)
    settings = {"image_size": 64, "num_tokens": num_tokens}
    exact = FrameEncoder("vit_tiny_patch16_224", None, precision="fp32", **settings).eval()
    rounded = FrameEncoder("vit_tiny_patch16_224", None, precision="bf16", **settings).eval()
    rounded.load_state_dict(exact.state_dict())
    frames = still(20, moving=1)
    everything = ReusingEncoder(rounded, gate=1e-12, refresh_every=1)
    found = torch.cat(
        [everything([part], [state])[0] for state in [ReuseState()] for part in cut(frames, chunk)]
    )
    assert found.dtype == torch.float32
    assert error(found, exact(frames)) < 0.02
    changes = ReusingEncoder(rounded, gate=0.1)
    state, whole = ReuseState(), ReuseState()
    found = torch.cat([changes([part], [state])[0] for part in cut(frames, chunk)])
    assert error(found, changes([frames], [whole])[0]) < 0.02
    assert state.share == whole.share < 0.8


def test_a_still_picture_costs_nearly_nothing_and_stays_as_it_was(encoder):
    frames = still(40)
    state = ReuseState()
    found = ReusingEncoder(encoder, gate=0.1, refresh_every=1000)([frames], [state])[0]
    assert error(found, encoder(frames)) < 1e-5
    assert (state.num_frames, state.num_dense) == (40, 1)
    assert state.share < 1 / 40 + 2 / 17


def test_what_moves_is_seen(encoder):
    frames = still(12, moving=1)
    state = ReuseState()
    found = ReusingEncoder(encoder, gate=0.05, refresh_every=8)([frames], [state])[0]
    exact = encoder(frames)
    assert 0.1 < state.share < 0.8
    stale = exact[:1].expand_as(exact)
    assert error(found, exact) < 0.6 * error(stale, exact)


def test_every_token_is_computed_again_in_time(encoder):
    """Noise below the gate is never let through by it: only the refresh follows it."""
    rng = np.random.default_rng(1)
    frames = np.repeat(still(1), 9, axis=0)
    frames[1:] = np.clip(frames[1:] + rng.integers(-3, 4, frames[1:].shape), 0, 255)
    frames[1:] = frames[1:2]
    reusing = ReusingEncoder(encoder, gate=10.0, refresh_every=4)
    state = ReuseState()
    found = reusing([frames], [state])[0]
    exact = encoder(frames)
    assert error(found[-1:], exact[-1:]) < 0.5 * error(found[1:2], exact[1:2])


@pytest.mark.parametrize("chunks", [[12], [1] * 12, [5, 7], [2, 1, 9]])
def test_a_stream_may_be_cut_anywhere(encoder, chunks):
    frames = still(12, moving=1)
    reusing = ReusingEncoder(encoder, gate=0.1, refresh_every=5)
    whole = reusing([frames], [ReuseState()])[0]
    state, at, parts = ReuseState(), 0, []
    for length in chunks:
        parts += reusing([frames[at : at + length]], [state])
        at += length
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-4, atol=1e-5)


def test_streams_together_are_what_they_are_alone(encoder):
    reusing = ReusingEncoder(encoder, gate=0.1)
    streams = [still(6, moving=1), still(4, seed=5), film(3), still(1, seed=9)]
    states = [ReuseState() for _ in streams]
    together = reusing(streams, states)
    for frames, found, state in zip(streams, together, states, strict=True):
        alone = ReuseState()
        torch.testing.assert_close(found, reusing([frames], [alone])[0], rtol=1e-4, atol=1e-5)
        assert (state.num_frames, state.num_dense) == (alone.num_frames, alone.num_dense)


def test_a_moving_picture_is_computed_whole_by_the_encoder(encoder):
    frames = film(8)
    state = ReuseState()
    found = ReusingEncoder(encoder, gate=0.1)([frames], [state])[0]
    assert torch.equal(found, encoder(frames))
    assert (state.num_dense, state.share) == (8, 1.0)


def test_a_cut_in_a_still_stream_is_computed_whole(encoder):
    frames = np.concatenate([still(4), still(4, seed=7)])
    state = ReuseState()
    found = ReusingEncoder(encoder, gate=0.1, refresh_every=1000)([frames], [state])[0]
    assert error(found, encoder(frames)) < 1e-4
    assert state.num_dense == 2


def test_memory_does_not_grow(encoder):
    state = ReuseState()
    reusing = ReusingEncoder(encoder, gate=0.1)
    reusing([still(24, moving=1)], [state])
    before = state.nbytes
    assert before > 0
    for _ in range(20):
        reusing([still(3, moving=1)], [state])
    assert state.nbytes == before


def test_no_frames_are_no_tokens(encoder):
    found = ReusingEncoder(encoder, gate=0.1)([film(0)], [ReuseState()])
    assert found[0].shape == (0, 5, 192)


def test_mistakes_are_refused(encoder):
    for gate, every in ((-0.1, 4), (float("nan"), 4), (0.1, 0)):
        with pytest.raises(ConfigError, match="refresh_every="):
            ReusingEncoder(encoder, gate=gate, refresh_every=every)
    state = ReuseState()
    with pytest.raises(InputError, match="give each its own"):
        ReusingEncoder(encoder, gate=0.1)([film(1), film(1)], [state, state])
    other = FrameEncoder("vit_base_patch16_rope_224", None, image_size=64)
    with pytest.raises(ConfigError, match="cannot be reused: its blocks are"):
        ReusingEncoder(other, gate=0.1)


def waves(num_frames):
    """A still picture one corner of which flickers."""
    frames = still(num_frames)
    for number in range(1, num_frames):
        frames[number, :16, :16] = np.random.default_rng(number).integers(0, 255, (16, 16, 3))
    return frames


def test_tokens_that_stay_go_along_with_those_that_are_watched(encoder):
    """In the last block all tokens move with what moves in a corner, and are not computed."""
    frames, state = waves(9), ReuseState()
    reusing = ReusingEncoder(encoder, gate=0.1, refresh_every=1000)
    found = reusing([frames], [state])[0]
    exact = encoder(frames)
    computed = state._is_followed
    assert 0 < int(computed.sum()) < len(computed) // 2
    # Region tokens, (4 of 5), far from the corner: the last one holds no patch that changed.
    moved = error(exact[:1, 4:].expand(9, 1, -1), exact[:, 4:])
    assert error(found[:, 4:], exact[:, 4:]) < 0.7 * moved


@pytest.mark.parametrize("num_tokens", [1, 5])
@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "test_vit2", "vit_small_patch14_reg4_dinov2"]
)
def test_other_networks_follow_as_well(name, num_tokens):
    """With CLS, without, with registers; the summary alone and with regions."""
    torch.manual_seed(0)
    size = 56 if "14" in name else 64
    other = FrameEncoder(name, None, image_size=size, num_tokens=num_tokens, precision="fp32")
    frames, state = still(40, moving=1), ReuseState()
    found = ReusingEncoder(other.eval(), gate=0.05)([frames], [state])[0]
    exact = other(frames)
    assert found.shape == exact.shape
    assert state.share < 0.8
    assert error(found, exact) < 0.8 * error(exact[:1].expand_as(exact), exact)


def test_what_is_watched_is_chosen_anew(encoder):
    """After the choice the stream may still be cut anywhere: chunks across it agree."""
    frames = still(60, moving=1)
    reusing = ReusingEncoder(encoder, gate=0.1)
    state, states = ReuseState(), []
    found = []
    for number in range(60):
        found += reusing([frames[number : number + 1]], [state])
        states.append(state._watch)
    assert len({id(watch) for watch in states}) == 4  # the first picture's, and at 16, 32 and 48
    whole = reusing([frames], [ReuseState()])[0]
    torch.testing.assert_close(torch.cat(found), whole, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("num_tokens", [1, 5])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_shallow_networks_too(depth, num_tokens):
    arguments = {"image_size": 64, "num_tokens": num_tokens, "model_args": {"depth": depth}}
    other = FrameEncoder("vit_tiny_patch16_224", None, precision="fp32", **arguments).eval()
    frames, state = still(20, moving=1), ReuseState()
    found = ReusingEncoder(other, gate=0.05, refresh_every=4)([frames], [state])[0]
    exact = other(frames)
    assert state.share < 0.9
    assert error(found, exact) < 0.8 * error(exact[:1].expand_as(exact), exact)
