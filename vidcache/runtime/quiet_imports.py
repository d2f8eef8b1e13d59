# pyright: basic
"""OpenVINO and ONNX Runtime, imported without reporting to anybody that they are used."""

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

__all__ = ["import_onnxruntime", "import_openvino", "keep_onnxruntime_quiet"]

_REPORTER = "openvino_telemetry"


def keep_onnxruntime_quiet() -> None:
    """Sees to it that ONNX Runtime, whoever imports it from now on, reports nothing.

    It would begin as it is imported, with a number for this user and events for its maker. A value
    that the environment has stays.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def import_onnxruntime() -> Any:
    """Returns the package ``onnxruntime``, kept quiet."""
    keep_onnxruntime_quiet()
    return importlib.import_module("onnxruntime")


@functools.cache
def import_openvino() -> Any:
    """Returns the package ``openvino``, imported as if its reporter were not installed.

    Where a program imported it before, it is left as it is.
    """
    with _hidden(_REPORTER):
        return importlib.import_module("openvino")


@contextlib.contextmanager
def _hidden(name: str) -> Iterator[None]:
    modules: dict[str, ModuleType | None] = sys.modules  # pyright: ignore[reportAssignmentType]
    if name in modules:
        yield
        return
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]
