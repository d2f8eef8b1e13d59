# pyright: basic
"""Networks run by OpenVINO; the only place that imports it."""

import functools
import importlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vidcache.runtime.quiet_imports import import_openvino

__all__ = ["OpenVinoEngine"]

_FILE = "network.xml"


class OpenVinoEngine:
    """A network that OpenVINO compiled for this processor.

    Each instance has memory of its own, so one thread may use it at a time.

    Args:
        graph: What `read` or `trace` returned; several instances may share it.
        precision: ``"fp32"`` or ``"bf16"``: what matrices are multiplied in. The last layers,
            behind the last product, stay in fp32.
        num_threads: Threads that one call uses.
    """

    def __init__(self, graph: Any, *, precision: str, num_threads: int) -> None:
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": num_threads,
            "NUM_STREAMS": 1,
            # It would otherwise pin its threads to processors that other stages need as well.
            "ENABLE_CPU_PINNING": False,
        }
        compiled = _core().compile_model(graph, "CPU", settings)
        # Asked by the thread that waits for it: OpenVINO's own queue has been seen to hang.
        self._request = compiled.create_infer_request()

    def run(self, array: NDArray[Any]) -> Sequence[NDArray[np.float32]]:
        """See `vidcache.runtime.Engine`; the arrays are copies."""
        outputs = self._request.infer([np.ascontiguousarray(array)], share_inputs=True)
        return [np.array(output, np.float32) for output in outputs.values()]

    @staticmethod
    def read(model: Path | bytes) -> Any:
        """The graph of an ONNX file, of what stands in one, or of OpenVINO's own format."""
        return _core().read_model(model)

    @staticmethod
    def trace(module: nn.Module, example: torch.Tensor) -> Any:
        """The graph of a module, whose batch may have any size.

        Args:
            module: A network in fp32 with one input.
            example: Such an input, (B, …).
        """
        # OpenVINO's own `convert_model` does the same and then reports home that it did.
        import_openvino()
        frontends = importlib.import_module("openvino.frontend")
        decoders = importlib.import_module("openvino.frontend.pytorch.ts_decoder")
        with torch.no_grad(), warnings.catch_warnings():
            # Of sizes, which are fixed, and of checks that they are what they should be.
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(module, example, check_trace=False)
        # Weights are copied: the module may be trained on, or go, while the graph lives.
        decoder = decoders.TorchScriptPythonDecoder(traced, shared_memory=False)
        frontend = frontends.FrontEndManager().load_by_framework("pytorch")
        graph = frontend.convert(frontend.load(decoder))
        graph.reshape([-1, *example.shape[1:]])
        return graph

    @staticmethod
    def save(graph: Any, folder: Path) -> None:
        """Writes a graph into an empty folder, in OpenVINO's own format and without loss."""
        import_openvino().save_model(graph, folder / _FILE, compress_to_fp16=False)

    @staticmethod
    def load(folder: Path) -> Any:
        """The graph that :meth:`save` wrote."""
        return OpenVinoEngine.read(folder / _FILE)


@functools.cache
def _core() -> Any:
    return import_openvino().Core()
