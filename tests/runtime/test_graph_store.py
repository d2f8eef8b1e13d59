"""What was traced once is read by the next process; nothing on the disk can spoil a result."""

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from vidcache.runtime import graph_store
from vidcache.runtime.graph_store import traced_graph
from vidcache.runtime.onnx_engine import OnnxEngine
from vidcache.runtime.openvino_engine import OpenVinoEngine

EXAMPLE = torch.zeros(1, 3, 8, 8)


def network(seed=0, width=4):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.GELU(), nn.Flatten()).eval()


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDCACHE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "graphs"


@pytest.fixture
def traced(monkeypatch):
    """What was traced, in order."""
    found = []

    def spy(kind):
        trace = kind.trace

        def wrapped(module, example):
            found.append(kind.__name__)
            return trace(module, example)

        monkeypatch.setattr(kind, "trace", staticmethod(wrapped))

    spy(OnnxEngine)
    spy(OpenVinoEngine)
    return found


@pytest.fixture(params=["onnx", "openvino"])
def engine(request):
    """Makes an engine's graph of a network and runs it."""
    pytest.importorskip(request.param)
    pixels = np.random.default_rng(0).random((2, 3, 8, 8), np.float32)

    def run(module):
        if request.param == "onnx":
            graph = traced_graph(OnnxEngine, module, EXAMPLE)
            (found,) = OnnxEngine(graph, num_threads=1).run(pixels)
        else:
            graph = traced_graph(OpenVinoEngine, module, EXAMPLE)
            (found,) = OpenVinoEngine(graph, precision="fp32", num_threads=1).run(pixels)
        with torch.inference_mode():
            expected = module(torch.from_numpy(pixels)).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        return found

    return run


def test_a_network_is_traced_once(engine, traced, store):
    first = engine(network())
    assert np.array_equal(engine(network()), first)
    assert len(traced) == 1
    assert len(list(store.iterdir())) == 1


def test_other_weights_sizes_and_versions_are_other_graphs(engine, traced, monkeypatch):
    engine(network())
    engine(network(seed=1))
    assert len(traced) == 2
    traced_graph(OnnxEngine, network(), torch.zeros(1, 3, 16, 8))
    assert len(traced) == 3
    monkeypatch.setattr(graph_store, "package_versions", lambda _: {"torch": "another"})
    engine(network())
    assert len(traced) == 4


def test_weights_written_in_place_are_seen(engine, traced):
    changing = network()
    engine(changing)
    with torch.no_grad():
        changing[0].weight[0, 0, 0, 0] += 1
    engine(changing)
    assert len(traced) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone", "more", "no checksums"])
def test_a_damaged_graph_is_traced_again_and_replaced(engine, traced, store, damage):
    first = engine(network())
    (folder,) = store.iterdir()
    file = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "gone":
        file.unlink()
    elif damage == "more":
        (folder / "more.txt").write_text("")
    else:
        (folder / "checksums.json").write_text("[")
    assert np.array_equal(engine(network()), first)
    assert len(traced) == 2
    engine(network())
    assert len(traced) == 2


def test_a_file_that_the_engine_refuses_is_traced_again(engine, traced, monkeypatch):
    engine(network())

    def refuse(_folder):
        raise RuntimeError("cannot read this")

    for kind in (OnnxEngine, OpenVinoEngine):
        monkeypatch.setattr(kind, "load", staticmethod(refuse))
    engine(network())
    assert len(traced) == 2


def test_a_folder_that_cannot_be_written_costs_the_memory_only(
    engine, traced, tmp_path, monkeypatch
):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("VIDCACHE_CACHE", str(blocked / "below"))
    engine(network())
    engine(network())
    assert len(traced) == 2


def test_a_folder_that_can_only_be_read_is_read(engine, traced, monkeypatch):
    engine(network())

    def refuse(*_args, **_kwargs):
        raise PermissionError("read-only")

    monkeypatch.setattr(os, "utime", refuse)
    engine(network())
    assert len(traced) == 1


def test_a_disk_that_is_full_leaves_nothing_behind(engine, traced, store, monkeypatch):
    def fill(_graph, folder):
        (folder / "network.bin").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    for kind in (OnnxEngine, OpenVinoEngine):
        monkeypatch.setattr(kind, "save", staticmethod(fill))
    engine(network())
    assert list(store.iterdir()) == []


def test_what_was_used_longest_ago_leaves_first(engine, traced, store, monkeypatch):
    engine(network(seed=0))
    (first,) = store.iterdir()
    nbytes = sum(path.stat().st_size for path in first.iterdir())
    os.utime(first, (1, 1))
    engine(network(seed=1))
    second = next(path for path in store.iterdir() if path != first)
    os.utime(second, (2, 2))
    engine(network(seed=0))  # used again: now the second is the oldest
    monkeypatch.setattr(graph_store, "MAX_BYTES", int(2.5 * nbytes))
    engine(network(seed=2))
    assert first.exists()
    assert not second.exists()
    assert len(list(store.iterdir())) == 2


def test_a_graph_above_the_budget_is_not_kept_and_pushes_nothing_out(engine, store, monkeypatch):
    engine(network())
    (small,) = store.iterdir()
    nbytes = sum(path.stat().st_size for path in small.iterdir())
    monkeypatch.setattr(graph_store, "MAX_BYTES", 2 * nbytes)
    engine(network(width=4096))
    assert list(store.iterdir()) == [small]


def test_what_a_killed_process_left_goes_in_time(engine, store):
    store.mkdir(parents=True)
    for name in ("old.part-1", "young.part-2"):
        (store / name).mkdir()
        (store / name / "network.bin").write_bytes(b"half")
    long_ago = time.time() - 2 * 3600
    os.utime(store / "old.part-1", (long_ago, long_ago))
    engine(network())
    assert sorted(path.name for path in store.iterdir() if "part" in path.name) == ["young.part-2"]


def test_a_network_without_a_name_is_traced_each_time(engine, traced, store):
    hooked = network()
    hooked[0].register_forward_hook(lambda _module, _inputs, output: 2 * output)
    engine(hooked)
    engine(hooked)
    assert len(traced) == 2
    assert not store.exists()


def test_where_another_was_first_its_graph_stays(engine, traced, store, monkeypatch):
    make_room = graph_store._make_room

    def another_is_first(folder, nbytes):
        (unfinished,) = folder.iterdir()
        shutil.copytree(unfinished, folder / unfinished.name.split(".part-")[0])
        make_room(folder, nbytes)

    monkeypatch.setattr(graph_store, "_make_room", another_is_first)
    first = engine(network())
    assert len(list(store.iterdir())) == 1
    assert np.array_equal(engine(network()), first)
    assert len(traced) == 1


SCRIPT = """
import sys, torch
from torch import nn
from vidcache.runtime.graph_store import traced_graph
from vidcache.runtime.onnx_engine import OnnxEngine
torch.manual_seed(0)
network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten()).eval()
graph = traced_graph(OnnxEngine, network, torch.zeros(1, 3, 8, 8))
print(len(OnnxEngine(graph, num_threads=1).run(torch.ones(2, 3, 8, 8).numpy())[0]))
"""


def test_processes_that_begin_at_once_share_one_graph(store):
    pytest.importorskip("onnx")
    command = [sys.executable, "-c", SCRIPT]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in running:
        out, err = process.communicate(timeout=300)
        assert out.strip() == "2", err
    assert len(list(store.iterdir())) == 1
