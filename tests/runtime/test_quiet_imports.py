"""Engines report to nobody that they are used."""

import subprocess
import sys

import pytest

from vidcache.runtime.engines import can_trace

_SCRIPT = """
import sys
import torch
from vidcache.runtime.onnx_engine import OnnxEngine
from vidcache.runtime.openvino_engine import OpenVinoEngine

layer, pixels = torch.nn.Conv2d(3, 3, 1).eval(), torch.zeros(1, 3, 8, 8)
if sys.argv[1] == "onnx":
    OnnxEngine(OnnxEngine.trace(layer, pixels), num_threads=1).run(pixels.numpy())
else:
    graph = OpenVinoEngine.trace(layer, pixels)
    OpenVinoEngine(graph, precision="fp32", num_threads=1).run(pixels.numpy())
    # A program that wants its reporter still finds it.
    assert sys.modules.get("openvino_telemetry", sys) is not None
"""


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_an_engine_leaves_nothing_in_the_home_folder(tmp_path, engine):
    if not can_trace(engine):
        pytest.skip(f"needs {engine}")
    environment = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-B", "-c", _SCRIPT, engine],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
