import json
import os
import random
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from vidcache import BlockPool, CameraHead, HeadConfig, HeadState, HeavyHitter, SinkWindow
from vidcache.cache.saved_state import sealed
from vidcache.errors import FingerprintError, StateError

CONFIG = HeadConfig(
    in_features=6, width=16, depth=1, num_heads=2, num_iterations=2, num_outputs=4,
    layer_scale=1.0, eviction=SinkWindow(window=5, sink_frames=1), rollback_margin=2,
)  # fmt: skip
STORAGES = {
    "dense": {},
    "bf16": {"dtype": torch.bfloat16},
    "int8 and fp8": {"key_format": "int8", "value_format": "fp8"},
    "fp16 and plain": {"key_format": "fp16"},
}

# What another process does with a head and a state; the head is made again from its seed.
GO_ON = """
import sys, torch
from test_saved_state import CONFIG, features, make_head
from vidcache import HeadState
head = make_head()
state = HeadState.load(sys.argv[1], head)
torch.save(head.step(features(2, 6, seed=2), state).prediction, sys.argv[2])
"""


def make_head(**settings):
    torch.manual_seed(0)
    head = CameraHead(replace(CONFIG, **settings))
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head


def features(rows, frames, seed=1):
    return torch.randn(rows, frames, 6, generator=torch.Generator().manual_seed(seed))


def make_pool(head, **settings):
    return BlockPool(head.config, 1 << 20, 2, **settings)


def begun(head, rows=2, **settings):
    """A state with rows at different frames."""
    state = head.init_state(rows, **settings)
    head.step(features(rows, 4), state)
    state.reset([rows - 1])
    head.step(features(rows, 3), state)
    return state


@pytest.fixture
def head():
    return make_head()


@pytest.fixture
def path(head, tmp_path):
    begun(head).save(tmp_path / "state")
    return tmp_path / "state"


def contents(path):
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata()), load_file(path)


@pytest.mark.parametrize("settings", STORAGES.values(), ids=STORAGES)
def test_every_storage_goes_on_to_the_bit_in_every_other(head, tmp_path, settings):
    pool = make_pool(head, **settings)
    files = []
    for name, state in {
        "dense": begun(head, **settings),
        "paged": begun(head, pool=pool),
    }.items():
        state.save(tmp_path / name)
        files.append(state)
    assert contents(tmp_path / "dense")[0] == contents(tmp_path / "paged")[0]
    more = features(2, 6, seed=2)
    expected = [head.step(frame, files[0]).prediction for frame in more.split([1, 4, 1], dim=1)]
    for name in ("dense", "paged"):
        for where in (None, pool):
            state = HeadState.load(tmp_path / name, head, pool=where)
            assert state.nbytes <= files[0].nbytes
            result = [head.step(frame, state).prediction for frame in more.split([1, 4, 1], dim=1)]
            assert torch.equal(torch.cat(result, dim=1), torch.cat(expected, dim=1))


def test_a_score_based_memory_goes_on_to_the_bit(tmp_path):
    head = make_head(eviction=HeavyHitter(budget=6, recent=3, sink_frames=1))
    state = begun(head)
    state.save(tmp_path / "state")
    loaded = HeadState.load(tmp_path / "state", head)
    more = features(2, 9, seed=2)
    assert torch.equal(head.step(more, loaded).prediction, head.step(more, state).prediction)
    assert loaded.cached_frames(0) == state.cached_frames(0)


def test_another_process_goes_on_to_the_bit(head, path, tmp_path):
    expected = head.step(features(2, 6, seed=2), HeadState.load(path, head)).prediction
    result = tmp_path / "result.pt"
    subprocess.run(
        [sys.executable, "-c", GO_ON, path, result],
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert torch.equal(torch.load(result), expected)


def test_what_a_reset_stream_left_behind_is_not_saved(head, tmp_path):
    state = head.init_state()
    head.step(features(1, 5), state)
    state.reset()
    state.save(tmp_path / "state")
    _, tensors = contents(tmp_path / "state")
    assert not tensors["keys"].any()
    assert not tensors["values"].any()


def test_a_pool_of_other_formats_is_refused(head, path):
    with pytest.raises(StateError, match="load it without a pool, or make the pool with the same"):
        HeadState.load(path, head, pool=make_pool(head, key_format="int8"))


class TestDamage:
    """Every damaged file is one clear line."""

    def refused(self, path, head, match="no whole vidcache state"):
        with pytest.raises(StateError, match=match) as caught:
            HeadState.load(path, head)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)

    def test_wherever_the_file_is_cut(self, head, path):
        whole = path.read_bytes()
        cuts = {0, 1, 7, 8, 9, len(whole) - 1, *random.Random(0).sample(range(len(whole)), 60)}
        for cut in cuts:
            path.write_bytes(whole[:cut])
            self.refused(path, head)

    def test_whichever_byte_is_changed(self, head, path):
        whole = path.read_bytes()
        chance = random.Random(1)
        header = 8 + struct.unpack("<Q", whole[:8])[0]
        places = chance.sample(range(header), 150) + chance.sample(range(header, len(whole)), 150)
        for place in places:
            broken = bytearray(whole)
            broken[place] ^= 1 << chance.randrange(8)
            path.write_bytes(bytes(broken))
            if bytes(broken).split() == whole.split():
                # Blanks after the header mean nothing, whatever blank they are.
                continue
            self.refused(path, head, match="state")

    @pytest.mark.parametrize("noise", [b"", b"\0" * 64, b"{}" * 100, os.urandom(4096)])
    def test_whatever_else_is_in_it(self, head, tmp_path, noise):
        (tmp_path / "noise").write_bytes(noise)
        self.refused(tmp_path / "noise", head)
        self.refused(tmp_path, head)

    def test_whichever_tensor_is_missing_or_of_another_shape_or_type(self, head, path):
        metadata, tensors = contents(path)
        for name, tensor in tensors.items():
            others = {
                "missing": None,
                "longer": torch.cat([tensor, tensor]),
                "flat": tensor.flatten()[:1],
                "of another type": tensor.to(torch.float16),
            }
            for other in others.values():
                changed = {key: value for key, value in tensors.items() if key != name}
                changed |= {} if other is None else {name: other.contiguous()}
                save_file(changed, path, sealed(metadata, changed))
                self.refused(path, head)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("first_frame", "one"), ("first_frame", "-1"), ("dtype", "nn"), ("dtype", "int8"),
         ("key_format", "int9"), ("value_format", "none"), ("settings", None),
         ("fingerprint", None)],
    )  # fmt: skip
    def test_whichever_setting_is_missing_or_wrong(self, head, path, name, value):
        metadata, tensors = contents(path)
        del metadata[name]
        metadata |= {} if value is None else {name: value}
        if name == "settings":
            # They are read to say what differs.
            metadata |= {"fingerprint": "another", "settings": "{"}
        save_file(tensors, path, sealed(metadata, tensors))
        self.refused(path, head)

    def test_a_state_of_another_head_or_version(self, head, path):
        with pytest.raises(FingerprintError, match="depth 1 → 2"):
            HeadState.load(path, make_head(depth=2))
        metadata, tensors = contents(path)
        assert json.loads(metadata["settings"]) == CONFIG.to_dict()
        for version, match in (("1", "version 1"), ("99", "version 99, this vidcache reads 2")):
            save_file(tensors, path, metadata | {"version": version})
            self.refused(path, head, match)
