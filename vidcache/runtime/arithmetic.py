"""What numbers depend on beside the network: the processor, and the packages that compute."""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

__all__ = ["describe_arithmetic", "package_versions"]

_PACKAGES = ("vidcache", "torch", "openvino", "onnxruntime")


def describe_arithmetic() -> dict[str, Any]:
    """Says where the same computation gives the same bits: where this is equal.

    Returns:
        The processor with what it can do, and the versions of the packages, as plain values.

    Example:
        >>> sorted(describe_arithmetic())
        ['capability', 'processor', 'versions']
    """
    return {
        "processor": _processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "versions": package_versions(_PACKAGES),
    }


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of packages by name; ``none`` for one that is not installed."""
    return {package: _version(package) for package in packages}


def _processor() -> str:
    """The processor's own name, with what it can do where the system says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "model\t")
    return " ".join(dict.fromkeys(line for line in lines if line.startswith(wanted)))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
