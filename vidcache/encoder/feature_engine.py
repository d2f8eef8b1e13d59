# pyright: basic
"""A ViT's patch features, computed by the engine that is fastest at it here."""

import contextlib
import copy
import functools
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any

import torch
from torch import nn

from vidcache.encoder.cls_only import forward_cls
from vidcache.encoder.compute_copy import ComputeCopy
from vidcache.encoder.norm_folding import fold_norms
from vidcache.encoder.precision import Precision
from vidcache.encoder.weights_version import WeightsVersion
from vidcache.errors import ConfigError, MissingExtraError
from vidcache.runtime import Choice, Engine, EngineName, choose_fastest
from vidcache.runtime.engines import can_trace, check_engine
from vidcache.runtime.graph_store import traced_graph
from vidcache.runtime.onnx_engine import OnnxEngine
from vidcache.runtime.openvino_engine import OpenVinoEngine
from vidcache.runtime.shared_engine import SharedEngine

__all__ = ["FeatureEngine"]

_TIMED_BATCH = 4

# Of threads that share an encoder one makes its engine; no part of one, which may be copied.
_making = threading.Lock()


class FeatureEngine:
    """Computes ``forward_features`` of a ViT, or its CLS token, without gradients.

    The network is handed to OpenVINO or ONNX Runtime once, and again after its weights changed.
    Several threads may share it.

    Args:
        vit: The ViT of timm.
        requested: ``"torch"``, ``"openvino"``, ``"onnx"``, or ``"auto"`` for the fastest that is
            installed.
        precision: Says what matrices are multiplied in; ONNX Runtime computes in fp32 always.
        question: What tells this network from others, as plain values.

    Raises:
        ConfigError: There is no such engine.
        MissingExtraError: Its package is not installed.
    """

    def __init__(
        self,
        vit: nn.Module,
        requested: EngineName,
        precision: Callable[[], Precision],
        question: Mapping[str, Any],
    ) -> None:
        check_engine(requested)
        if requested == "onnx" and not can_trace("onnx"):
            raise MissingExtraError("onnx", "onnx", "run an encoder with the engine 'onnx'")
        self._vit: Any = vit
        self._requested = requested
        self._precision = precision
        self._question = dict(question)
        self._copy = ComputeCopy(vit, fold_norms)
        self._version = WeightsVersion(vit)
        self._choice: Choice | None = None
        self._engine_version: tuple[object, ...] = ()
        self._engines: dict[Callable[..., torch.Tensor], SharedEngine] = {}

    @property
    def choice(self) -> Choice:
        """The engine, and why; measured when it is first asked for."""
        device = next(self._vit.parameters()).device
        if device.type != "cpu":
            if self._requested in ("openvino", "onnx"):
                raise ConfigError(
                    f"the engine {self._requested!r} runs on processors, and the encoder is on "
                    f"{device}: use engine torch, or device cpu"
                )
            return Choice("torch", f"the encoder is on {device.type}")
        if self._choice is None:
            self._choice = self._choose()
        return self._choice

    def features(self, pixels: torch.Tensor, num_threads: int | None = None) -> torch.Tensor:
        """Computes all tokens of pictures.

        Args:
            pixels: Prepared pixels, float32, (B, 3, height, width).
            num_threads: Threads to use; None for as many as torch may in the calling thread.

        Returns:
            (B, prefix tokens + patches, C); float32, or bf16 where torch computes in it.
        """
        return self._run(_forward_features, pixels, num_threads)

    def cls(self, pixels: torch.Tensor, num_threads: int | None = None) -> torch.Tensor:
        """Computes the CLS token of pictures; see :func:`has_cls_only`.

        Args:
            pixels: As for :meth:`features`.
            num_threads: As for :meth:`features`.

        Returns:
            (B, 1, C), as :meth:`features` has it in the first place, to rounding.
        """
        return self._run(forward_cls, pixels, num_threads)

    def vit(self) -> Any:
        """The ViT for inference in torch."""
        return self._copy.get(self._precision().dtype)

    def drop(self) -> None:
        """Forgets what was made of the weights: needed where tensors were replaced."""
        self._copy.drop()
        self._version.forget()
        self._engines = {}

    def _choose(self) -> Choice:
        if self._requested != "auto":
            return Choice(self._requested, "asked for")
        names = ["torch", *(["openvino"] if can_trace("openvino") else [])]
        if self._precision().name == "fp32" and can_trace("onnx"):
            # It has no bf16 on processors, and is not in the race where that is fast.
            names.append("onnx")
        if len(names) == 1:
            return Choice("torch", "no other engine is installed")
        question = self._question | {"precision": self._precision().name, "batch": _TIMED_BATCH}
        try:
            return choose_fastest(question, {name: self._prepare(name) for name in names})
        finally:
            self.drop()

    def _prepare(self, name: str) -> Callable[[], Callable[[], object]]:
        def prepare() -> Callable[[], object]:
            with torch.inference_mode():
                generator = torch.Generator().manual_seed(0)
                size = self._vit.patch_embed.img_size
                pixels = torch.randn(_TIMED_BATCH, 3, *size, generator=generator)
                if name == "torch":
                    vit = self.vit()
                    typed = pixels.to(next(vit.parameters()).dtype)
                    return torch.inference_mode()(lambda: vit.forward_features(typed))
                array = pixels.numpy()
            engine = self._make(name, self._trace(name, _forward_features), torch.get_num_threads())
            return lambda: engine.run(array)

        return prepare

    def _run(
        self, part: Callable[..., torch.Tensor], pixels: torch.Tensor, num_threads: int | None
    ) -> torch.Tensor:
        name = self.choice.name
        if name == "torch":
            vit = self.vit()
            with _threads(num_threads):
                return part(vit, pixels.to(next(vit.parameters()).dtype))
        (tokens,) = self._compiled(name, part).run(pixels.numpy(), num_threads)
        return torch.from_numpy(tokens)

    def _compiled(self, name: str, part: Callable[..., torch.Tensor]) -> SharedEngine:
        with _making:
            if self._version.now() != self._engine_version:
                self._engines = {}
                self._engine_version = self._version.now()
            if part not in self._engines:
                make = functools.partial(self._make, name, self._trace(name, part))
                self._engines[part] = SharedEngine(make)
            return self._engines[part]

    def _trace(self, name: str, part: Callable[..., torch.Tensor]) -> Any:
        size = self._vit.patch_embed.img_size
        # Traced outside of inference mode, whose tensors a graph cannot hold.
        with torch.inference_mode(False):
            example = torch.zeros(1, 3, *size)
            vit = self._vit
            if self._precision().name == "bf16":
                vit = copy.deepcopy(vit)
                fold_norms(vit)
            network = _Part(vit, part)
            tracer = OnnxEngine if name == "onnx" else OpenVinoEngine
            return traced_graph(tracer, network.eval(), example)

    def _make(self, name: str, graph: Any, num_threads: int) -> Engine:
        if name == "onnx":
            return OnnxEngine(graph, num_threads=num_threads)
        return OpenVinoEngine(graph, precision=self._precision().name, num_threads=num_threads)


@contextlib.contextmanager
def _threads(num_threads: int | None) -> Generator[None]:
    before = torch.get_num_threads()
    if num_threads in (None, before):
        yield
        return
    torch.set_num_threads(num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Part(nn.Module):
    """The part of a ViT that an engine computes."""

    def __init__(self, vit: Any, part: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.vit = vit
        self.part = part

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.part(self.vit, pixels)


def _forward_features(vit: Any, pixels: torch.Tensor) -> torch.Tensor:
    return vit.forward_features(pixels)
