"""Imports point one way, and heavyweight packages have one home each."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vidcache"

# A module may import from those in front of it in this list, and from its own package.
ORDER = [
    {"errors", "config", "frames"},
    {"runtime"},
    {"cache"},
    {"head"},
    {"encoder"},
    {"model"},
    {"video"},
    {"tracking"},
    {"pipeline"},
    {"training"},
    {"batch", "serve"},
    {"bench"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}

# What a user would write by hand is measured against, so it imports what a user would.
HOMES = {
    "timm": {"encoder", "bench/composition"},
    "av": {"video"},
    "cv2": {"video", "tracking/_predictor", "bench/composition"},
    "paho": {"video"},
    "prometheus_client": {"video"},
    "pyarrow": {"video"},
    "ultralytics": {"tracking", "bench/composition"},
    "openvino": {"runtime"},
    "onnxruntime": {"runtime", "tracking"},
    "transformers": {"bench/composition", "cli"},
    "lap": {"tracking"},
    "typer": {"cli"},
    "rich": {"cli"},
    "ray": {"batch"},
    "pybullet": {"training"},
    "pybullet_data": {"training"},
    "matplotlib": {"training", "cli"},
    "trackers": {"training"},
}
PRINTERS = {"cli"}
LOADERS = {"importlib.import_module", "import_module", "__import__"}


def problems(package: Path) -> list[str]:
    """Everything under ``package`` that breaks the rules, one line each."""
    found: list[str] = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if parts == ("__init__",):
            # The root's lazy names reach everywhere, but only for type checkers.
            continue
        where = "/".join(parts)
        found += (f"{where}: {text}" for text in _file_problems(path, parts))
    return found


def _file_problems(path: Path, parts: tuple[str, ...]) -> Iterator[str]:
    unit = parts[0]
    if unit not in LEVEL:
        yield f"{unit!r} has no place in the order of imports"
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for module in _imported(node, parts):
            yield from _import_problems(module, unit, "/".join(parts))
        prints = isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
        if prints and unit not in PRINTERS:
            yield f"line {node.lineno} prints"


def _import_problems(module: str, unit: str, where: str) -> Iterator[str]:
    root, _, rest = module.partition(".")
    if root != "vidcache":
        if not {unit, where} & HOMES.get(root, {unit}):
            yield f"imports {root}, whose home is {', '.join(sorted(HOMES[root]))}"
        return
    target = rest.partition(".")[0]
    if not target:
        yield "imports the root package instead of a module of it"
    elif target != unit and not _stands_above(target, unit):
        yield f"imports vidcache.{target}, which does not stand above it"


def _stands_above(target: str, unit: str) -> bool:
    level = LEVEL.get(target, len(ORDER))
    # The first level's members are plain types that may know each other.
    return level < LEVEL[unit] or level == LEVEL[unit] == 0


def _imported(node: ast.AST, parts: tuple[str, ...]) -> list[str]:
    """Absolute names of the modules that a statement, or a call that loads one, imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        if node.level:
            base = ["vidcache", *parts[: len(parts) - node.level]]
            return [".".join([*base, *([node.module] if node.module else [])])]
        if node.module == "vidcache":
            return [f"vidcache.{alias.name}" for alias in node.names]
        return [node.module or ""]
    if isinstance(node, ast.Call) and ast.unparse(node.func) in LOADERS and node.args:
        name = node.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            return [name.value]
    return []


def test_imports_point_one_way():
    assert problems(PACKAGE) == []


@pytest.mark.parametrize(
    ("where", "line", "complaint"),
    [
        ("cache/slots.py", "from vidcache.head import CameraHead", "vidcache.head"),
        ("cache/slots.py", "import vidcache.pipeline.watch", "vidcache.pipeline"),
        ("cache/slots.py", "from vidcache import model", "vidcache.model"),
        ("cache/slots.py", "from ..video import open_source", "vidcache.video"),
        ("head/camera_head.py", "def f():\n    from vidcache.encoder import x", "vidcache.encoder"),
        ("head/camera_head.py", "import timm.models", "imports timm"),
        ("pipeline/watch.py", "import cv2", "imports cv2"),
        ("pipeline/watch.py", "def f():\n    import av.video", "imports av"),
        ("model.py", "from ultralytics import YOLO", "imports ultralytics"),
        ("model.py", "import importlib\nimportlib.import_module('cv2')", "imports cv2"),
        ("errors.py", "import vidcache.cache", "vidcache.cache"),
        ("training/loop.py", "print('epoch')", "line 1 prints"),
        ("training/loop.py", "import vidcache.cli", "vidcache.cli"),
        ("newcomer/__init__.py", "", "no place"),
    ],
)
def test_a_planted_import_is_found(tmp_path, where, line, complaint):
    path = tmp_path / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line, encoding="utf-8")
    found = problems(tmp_path)
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("config.py", "from vidcache.errors import ConfigError"),
        ("head/block.py", "from vidcache.cache import SlidingWindow\nfrom . import rotary"),
        ("encoder/weights.py", "def f():\n    import timm"),
        ("video/drawing.py", "import cv2"),
        ("tracking/detector.py", "from ultralytics import YOLO"),
        ("cli/run.py", "print('done')\nimport vidcache.training"),
    ],
)
def test_what_is_allowed_is_not_complained_about(tmp_path, where, line):
    path = tmp_path / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line, encoding="utf-8")
    assert problems(tmp_path) == []
