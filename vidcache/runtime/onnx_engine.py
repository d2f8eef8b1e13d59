# pyright: basic
"""Networks run by ONNX Runtime; the only place that imports it."""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vidcache.runtime.quiet_imports import import_onnxruntime

__all__ = ["OnnxEngine"]

_FILE = "network.onnx"


class OnnxEngine:
    """A network that ONNX Runtime runs on the processor, in the precision it was written in.

    Args:
        graph: An ONNX file, or what `trace` returned.
        num_threads: Threads that one call uses. They sleep while they wait: by default they spin,
            which beside an encoder and a decoder made one look at a picture two to three times
            slower than it is alone.

    Attributes:
        session: The session of ONNX Runtime.
    """

    def __init__(self, graph: Path | bytes, *, num_threads: int) -> None:
        runtime = import_onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session: Any = runtime.InferenceSession(
            graph if isinstance(graph, bytes) else str(graph),
            options,
            providers=["CPUExecutionProvider"],
        )
        self._input = self.session.get_inputs()[0].name
        self.num_threads = num_threads

    def run(self, array: NDArray[Any]) -> Sequence[NDArray[np.float32]]:
        """See `vidcache.runtime.Engine`."""
        return self.session.run(None, {self._input: np.ascontiguousarray(array)})

    @staticmethod
    def simplify(path: Path) -> bytes:
        """An ONNX file's graph without work that changes nothing, for another engine to run.

        Networks that came from a framework with another order of axes transpose before and after
        every convolution, which ONNX Runtime cancels, and OpenVINO does not: of one such detector
        it was a third of the time.

        Args:
            path: The file.
        """
        runtime = import_onnxruntime()
        options = runtime.SessionOptions()
        # Further levels put in operations that only ONNX Runtime knows.
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / _FILE
            options.optimized_model_filepath = str(file)
            runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            return file.read_bytes()

    @staticmethod
    def trace(module: nn.Module, example: torch.Tensor) -> bytes:
        """The ONNX graph of a module, whose batch may have any size.

        Args:
            module: A network in fp32 with one input.
            example: Such an input, (B, …).
        """
        with (
            tempfile.TemporaryDirectory() as folder,
            torch.no_grad(),
            warnings.catch_warnings(),
        ):
            file = Path(folder) / _FILE
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (example,),
                file,
                dynamo=False,
                input_names=["images"],
                dynamic_axes={"images": {0: "batch"}},
                opset_version=17,
            )
            return file.read_bytes()

    @staticmethod
    def save(graph: bytes, folder: Path) -> None:
        """Writes a graph into an empty folder."""
        (folder / _FILE).write_bytes(graph)

    @staticmethod
    def load(folder: Path) -> bytes:
        """The graph that :meth:`save` wrote."""
        return (folder / _FILE).read_bytes()
