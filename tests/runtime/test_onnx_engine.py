import numpy as np
import pytest
import torch
from torch import nn

from vidcache.runtime.onnx_engine import OnnxEngine
from vidcache.runtime.openvino_engine import OpenVinoEngine
from vidcache.tracking import _exported_engine


class ChannelsLast(nn.Module):
    """Convolutions as other frameworks export them: axes are exchanged around each."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Conv2d(3 if n == 0 else 8, 8, 3) for n in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.permute(0, 2, 3, 1)
        for layer in self.layers:
            x = layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).relu()
        return x


@pytest.fixture
def file(tmp_path):
    pytest.importorskip("onnx")
    path = tmp_path / "network.onnx"
    path.write_bytes(OnnxEngine.trace(ChannelsLast().eval(), torch.zeros(1, 3, 16, 16)))
    return path


def test_a_simplified_graph_transposes_once_and_says_the_same(file):
    simple = OnnxEngine.simplify(file)
    assert file.read_bytes().count(b"Transpose") > simple.count(b"Transpose")
    picture = np.random.default_rng(0).random((1, 3, 16, 16), np.float32)
    (expected,) = OnnxEngine(file, num_threads=1).run(picture)
    (found,) = OnnxEngine(simple, num_threads=1).run(picture)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_openvino_runs_the_simplified_graph(file):
    pytest.importorskip("openvino")
    picture = np.random.default_rng(0).random((1, 3, 16, 16), np.float32)
    (expected,) = OnnxEngine(file, num_threads=1).run(picture)
    graph = _exported_engine._read_graph(file)
    kinds = [node.get_type_name() for node in graph.get_ordered_ops()]
    assert kinds.count("Transpose") <= 1
    (found,) = OpenVinoEngine(graph, precision="fp32", num_threads=1).run(picture)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_simplified_is_run_as_it_is(file, monkeypatch):
    pytest.importorskip("openvino")

    def refuse(_path):
        raise RuntimeError("an operation that nobody knows")

    monkeypatch.setattr(OnnxEngine, "simplify", staticmethod(refuse))
    kinds = [n.get_type_name() for n in _exported_engine._read_graph(file).get_ordered_ops()]
    assert kinds.count("Transpose") > 1
