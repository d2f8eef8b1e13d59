from dataclasses import replace

import pytest
import torch

from vidcache import CameraHead, HeadConfig, SinkWindow
from vidcache.cache import EncodedFrames, StorageFormat, format_from_name, register_format
from vidcache.errors import ConfigError

# Largest error of a number over the largest number of its frame and head.
STEP = {"fp64": 1e-15, "fp32": 6e-8, "bf16": 4e-3, "fp16": 5e-4, "fp8": 0.0358, "int8": 0.00394}
CONFIG = HeadConfig(
    in_features=6, width=24, depth=2, num_heads=3, num_iterations=2, num_outputs=4,
    num_tokens=2, layer_scale=1.0, eviction=SinkWindow(window=6, sink_frames=1),
)  # fmt: skip


class Halves(StorageFormat):
    """A user's own: steps of one half, without a scale."""

    name, dtype = "halves", torch.int8

    def encode(self, frames):
        return EncodedFrames((frames * 2).round().clamp(-127, 127).to(torch.int8))

    def decode(self, stored, out):
        out.copy_(stored.data).mul_(0.5)


register_format(Halves())


def make_head(dtype=torch.float64, **settings):
    torch.manual_seed(0)
    head = CameraHead(replace(CONFIG, **settings))
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head.to(dtype)


def decoded(name, frames, dtype=torch.float64):
    storage_format = format_from_name(name)
    stored = storage_format.encode(frames)
    out = torch.empty(frames.shape, dtype=dtype)
    scales = None if stored.scales is None else stored.scales.to(dtype)
    storage_format.decode(EncodedFrames(stored.data, scales), out)
    return out


def clip(head, frames=30, rows=1):
    shape = (rows, frames, head.config.num_tokens, head.config.in_features)
    features = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return features.to(head.modulation.weight.dtype)


def streamed(head, features, sizes, **formats):
    state = head.init_state(len(features), **formats)
    pieces = features.split(sizes, dim=1)
    return torch.cat([head.step(piece, state).prediction for piece in pieces], dim=1)


@pytest.mark.parametrize("name", STEP)
def test_a_number_loses_no_more_than_a_step_of_its_format(name):
    frames = torch.randn(3, 4, 5, 2, 16, dtype=torch.float64)
    error = (decoded(name, frames) - frames).abs()
    assert (error / frames.abs().amax((-2, -1), keepdim=True)).max() <= STEP[name]


@pytest.mark.parametrize("name", ["bf16", "fp8", "int8"])
def test_a_change_of_scale_costs_no_accuracy(name):
    """A scale frozen at the first frame would cut off what comes fifty times larger."""
    frames = torch.randn(2, 20, 1, 16, dtype=torch.float64)
    frames[:, 10:] *= 50
    error = (decoded(name, frames) - frames).abs() / frames.abs().amax((-2, -1), keepdim=True)
    assert error[:, 10:].max() <= STEP[name]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("value", [0.0, 1e-310, 1e-40, 1e-37, 3e38])
@pytest.mark.parametrize("name", ["fp8", "int8"])
def test_zeros_denormals_and_giants_stay_numbers(name, value, dtype):
    frames = torch.full((1, 2, 1, 8), value, dtype=torch.float64)
    out = decoded(name, frames, dtype)
    assert torch.isfinite(out).all()
    torch.testing.assert_close(out.double(), frames, rtol=0.07, atol=1e-38)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_fp8_decodes_every_number_as_torch_does(dtype):
    every = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn)
    every = every[~every.to(torch.float32).isnan()]
    stored = EncodedFrames(every.view(torch.int8)[:, None, None], torch.ones(254, dtype=dtype))
    out = torch.empty(254, 1, 1, dtype=dtype)
    format_from_name("fp8").decode(stored, out)
    assert torch.equal(out.flatten(), every.to(dtype))


@pytest.mark.parametrize("scope", ["iteration", "first_iteration"])
@pytest.mark.parametrize(
    ("key_format", "value_format"),
    [("int8", "bf16"), ("fp8", "fp8"), (None, "int8"), ("fp16", None), ("halves", "int8")],
)
def test_frames_and_chunks_see_the_same_rounded_numbers(key_format, value_format, scope):
    head = make_head(cache_scope=scope)
    features = clip(head)
    formats = {"key_format": key_format, "value_format": value_format}
    one_by_one = streamed(head, features, [1] * 30, **formats)
    for sizes in ([30], [4, 1, 9, 1, 1, 14]):
        in_chunks = streamed(head, features, sizes, **formats)
        torch.testing.assert_close(in_chunks, one_by_one, rtol=1e-9, atol=1e-9)
    assert not torch.equal(one_by_one, streamed(head, features, [1] * 30))


@pytest.mark.parametrize(
    ("key_format", "value_format", "tolerance"),
    [("fp32", "fp32", 1e-6), ("bf16", "bf16", 0.03), ("fp16", "fp16", 0.003),
     ("fp8", "fp8", 0.05), ("int8", "int8", 0.01), ("int8", "bf16", 0.01)],
)  # fmt: skip
def test_predictions_stay_near_the_clip(key_format, value_format, tolerance):
    head = make_head(torch.float32)
    features = clip(head)
    expected = head(features).prediction.detach()
    result = streamed(head, features, [30], key_format=key_format, value_format=value_format)
    assert float((result - expected).abs().max() / expected.abs().max()) < tolerance


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("key_format", "value_format"),
    [(None, None), ("int8", "bf16"), ("fp8", None), ("int8", "fp8"), (None, "fp16")],
)
def test_nbytes_are_data_and_scales_as_predicted(key_format, value_format, dtype):
    head = make_head()
    formats = {"key_format": key_format, "value_format": value_format}
    state = head.init_state(3, dtype=dtype, **formats)
    side_nbytes = {None: dtype.itemsize, "bf16": 2, "fp16": 2}
    frame = 0
    for name in (key_format, value_format):
        frame += 3 * (2 * 8 * side_nbytes.get(name, 1) + (4 if name in ("int8", "fp8") else 0))
    assert state.nbytes == 4 * 3 * state.layout.num_slots * frame
    assert state.nbytes == head.config.predict_nbytes(3, dtype, **formats)


def test_scratch_is_one_lane_and_allocated_once():
    head = make_head(torch.float32)
    features = clip(head)
    plain, packed = head.init_state(), head.init_state(key_format="int8")
    assert (plain.scratch_nbytes, packed.scratch_nbytes) == (0, 0)
    sizes = []
    for piece in features.split(1, dim=1):
        head.step(piece, plain)
        head.step(piece, packed)
        sizes.append(packed.scratch_nbytes)
    slots = packed.layout.num_slots
    assert plain.scratch_nbytes == 0
    # Keys of one lane and their scales; values are read in place.
    assert set(sizes) == {3 * slots * (2 * 8 * 4 + 4)}


def test_equal_plain_formats_are_the_dtype():
    head = make_head(torch.float32)
    state = head.init_state(key_format="bf16", value_format="bf16")
    assert state.dtype == torch.bfloat16
    features = clip(head)
    by_name = streamed(head, features, [1] * 30, key_format="bf16", value_format="bf16")
    assert torch.equal(by_name, streamed(head, features, [1] * 30, dtype=torch.bfloat16))


def test_unknown_formats_and_types_are_refused():
    head = make_head()
    with pytest.raises(ConfigError, match="unknown storage format 'int9': use one of int8"):
        head.init_state(key_format="int9")
    with pytest.raises(ConfigError, match="cannot be attended in"):
        head.init_state(dtype=torch.int8)
