"""A head with int8 weights says nearly the same, streams as it clips, and is no twin by mistake."""

import pytest
import torch

from vidcache.errors import StateError
from vidcache.head import with_int8_weights
from vidcache.head.int8 import Int8Linear


@pytest.mark.parametrize("bf16_is_fast", [True, False])
@pytest.mark.parametrize("num_rows", [1, 5, 32, 33, 100])
def test_a_layer_is_as_near_as_its_rounding(num_rows, bf16_is_fast, monkeypatch):
    monkeypatch.setattr("vidcache.head.int8.has_fast_bf16", lambda: bf16_is_fast)
    torch.manual_seed(num_rows)
    layer = torch.nn.Linear(96, 160)
    x = torch.randn(num_rows, 3, 96)[:, 1]
    exact, rounded = layer(x), Int8Linear(layer)(x)
    assert rounded.dtype == torch.float32
    assert (exact - rounded).abs().max() < 0.02 * exact.abs().max()
    assert not torch.equal(exact, rounded)


def test_a_row_of_zeros_stays_zero():
    layer = torch.nn.Linear(128, 128, bias=False)
    with torch.no_grad():
        layer.weight[3] = 0
    out = Int8Linear(layer)(torch.randn(2, 128))
    assert torch.isfinite(out).all()
    assert (out[:, 3] == 0).all()


def test_predictions_and_labels_stay(head):
    quick = with_int8_weights(head)
    assert sum(isinstance(module, Int8Linear) for module in quick.modules()) >= 8
    assert not any(isinstance(module, Int8Linear) for module in head.modules())
    features = torch.randn(2, 40, 128)
    with torch.no_grad():
        exact, rounded = head(features).prediction, quick(features).prediction
    assert (exact - rounded).abs().max() < 0.03 * exact.abs().max()
    assert (exact.argmax(-1) == rounded.argmax(-1)).float().mean() > 0.97


@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_stream_and_clip_agree_as_far_as_bf16_does(head, chunk):
    quick = with_int8_weights(head)
    features = torch.randn(2, 24, 128)
    state = quick.init_state(batch_size=2)
    stream = torch.cat(
        [quick.step(features[:, at : at + chunk], state).prediction for at in range(0, 24, chunk)],
        dim=1,
    )
    clip = quick(features).prediction
    assert (stream - clip).abs().max() < 0.02 * clip.abs().max()


def test_a_state_of_the_one_is_refused_by_the_other(head):
    quick = with_int8_weights(head)
    assert quick.fingerprint() != head.fingerprint()
    with pytest.raises(StateError):
        quick.step(torch.randn(1, 1, 128), head.init_state())
    with torch.no_grad():
        quick.trunk[0].attn.qkv.scale.mul_(2)
    changed = quick.fingerprint()
    assert changed != with_int8_weights(head).fingerprint()
