"""What `import vidcache` offers, and what it must not load."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import vidcache

HEAVY = {
    "av",
    "cv2",
    "lap",
    "matplotlib",
    "onnxruntime",
    "paho",
    "prometheus_client",
    "pyarrow",
    "pybullet",
    "ray",
    "rich",
    "timm",
    "torchvision",
    "trackers",
    "transformers",
    "typer",
    "ultralytics",
}


def modules_after(code: str) -> set[str]:
    """Top-level packages loaded by a fresh interpreter that runs ``code``."""
    program = f"{code}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def public_modules() -> list[str]:
    found = pkgutil.walk_packages(vidcache.__path__, "vidcache.")
    names = [module.name for module in found]
    return ["vidcache", *(n for n in names if not any(p.startswith("_") for p in n.split(".")))]


def sort_key(name: str) -> tuple[int, str]:
    """The order that ruff keeps: constants, classes, functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("name", public_modules())
def test_all_is_sorted_and_resolves(name):
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(module.__all__, key=sort_key)
    missing = [entry for entry in module.__all__ if not hasattr(module, entry)]
    assert missing == []


def test_every_public_name_is_documented():
    undocumented = [name for name in vidcache.__all__ if not getattr(vidcache, name).__doc__]
    assert undocumented == []


def test_dir_lists_the_public_names():
    assert set(vidcache.__all__) <= set(dir(vidcache))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'CameraHed'"):
        _ = vidcache.CameraHed


def test_the_version_is_the_installed_one():
    assert vidcache.__version__ == importlib.import_module("importlib.metadata").version("vidcache")


def test_importing_vidcache_loads_nothing_heavy():
    loaded = modules_after("import vidcache")
    assert "vidcache" in loaded
    assert not loaded & (HEAVY | {"torch"})


def test_importing_the_camera_head_loads_torch_and_nothing_heavier():
    loaded = modules_after("from vidcache import CameraHead, HeadConfig, HeadState, SinkWindow")
    assert "torch" in loaded
    assert not loaded & HEAVY


def test_importing_every_public_name_loads_nothing_heavier_than_torch():
    loaded = modules_after("from vidcache import *")
    assert "torch" in loaded
    assert not loaded & HEAVY


def test_the_command_line_answers_without_the_models():
    loaded = modules_after("import vidcache.cli.app")
    assert "typer" in loaded
    assert not loaded & (HEAVY - {"typer", "rich"} | {"torch"})
