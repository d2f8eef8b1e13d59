"""``vidcache doctor``: what this machine has, and whether what is needed works."""

import contextlib
import os
import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata, resources
from typing import Literal

from vidcache.cli.options import DebugFlag
from vidcache.errors import VidcacheError

__all__ = ["Finding", "doctor"]

_BUNDLED = (
    "actions_tiny.safetensors",
    "actions_small.safetensors",
    "person_yolo26n.pt",
    "person_pose_yolo26n.pt",
    "person_actions.safetensors",
)
_TOLERANCE = 1e-10
_MARKS = {"ok": "ok  ", "note": "note", "broken": "BAD "}
# What `vidcache run` cannot do without; the rest of an extra is a note when it is missing.
_NEEDED_EXTRA = "run"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        mark: ``ok``; ``note`` for what is missing but not needed; ``broken``.
        topic: What was looked at.
        text: What was found, and what to do about it.
    """

    mark: Literal["ok", "note", "broken"]
    topic: str
    text: str


def doctor(debug: DebugFlag = False) -> int:
    """Show versions, devices and models, and test that streaming equals the clip.

    The exit code is 1 if something is broken that `vidcache run` needs.
    """
    broken = False
    for finding in _findings(debug=debug):
        print(f"{_MARKS[finding.mark]} {finding.topic:<13} {finding.text}", flush=True)
        broken |= finding.mark == "broken"
    return int(broken)


def _findings(*, debug: bool) -> Iterator[Finding]:
    for topic, check in _CHECKS.items():
        try:
            yield from check()
        except (VidcacheError, OSError, RuntimeError, ImportError) as error:
            if debug:
                raise
            yield Finding("broken", topic, " ".join(str(error).split()))


def _versions() -> Iterator[Finding]:
    import torch

    version = metadata.version("vidcache")
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("ok", "vidcache", f"{version}, {python}")
    threads = f"{os.cpu_count()} processors, {torch.get_num_threads()} threads"
    yield Finding("ok", "torch", f"{torch.__version__}, {threads}")


def _devices() -> Iterator[Finding]:
    import torch

    from vidcache.encoder import choose_precision
    from vidcache.pipeline import resolve_device
    from vidcache.runtime import ENGINES
    from vidcache.runtime.engines import is_installed

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    device = resolve_device("auto")
    yield Finding("ok", "device", f"{device} ({', '.join(names) or 'no GPU'})")
    precision = choose_precision("auto", device)
    yield Finding("ok", "precision", f"{precision.name}: {precision.reason}")
    there = [name for name in ENGINES if is_installed(name)]
    hint = "" if "openvino" in there else " (openvino: pip install 'vidcache[openvino]')"
    yield Finding("ok", "engines", f"{', '.join(there)}{hint}")


def _cache_folder() -> Iterator[Finding]:
    from vidcache.runtime.cache_folder import cache_folder

    folder = cache_folder()
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # others may be at work there
            size += path.stat().st_size if path.is_file() else 0
    text = f"{folder}, {size / 1e6:.1f} MB; it may be removed; VIDCACHE_CACHE names another one"
    yield Finding("ok", "cache folder", text)


def _extras() -> Iterator[Finding]:
    wanted: dict[str, list[str]] = {}
    for line in metadata.requires("vidcache") or []:
        match = re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]", line)
        if match and match[1] != "vidcache":
            wanted.setdefault(match[2], []).append(match[1])
    for extra, packages in wanted.items():
        have = {name: _installed_version(name) for name in packages}
        missing = [name for name, version in have.items() if version is None]
        text = ", ".join(f"{name} {version}" for name, version in have.items() if version)
        if missing:
            text = f"missing {', '.join(missing)}: pip install 'vidcache[{extra}]'"
        mark = "ok" if not missing else "broken" if extra == _NEEDED_EXTRA else "note"
        yield Finding(mark, f"extra {extra}", text)


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _bundled_files() -> Iterator[Finding]:
    for name in _BUNDLED:
        file = resources.files("vidcache") / "bundled" / name
        if file.is_file():
            size = len(file.read_bytes()) / 1e6
            yield Finding("ok", "bundled", f"{name}, {size:.1f} MB")
        else:
            yield Finding("broken", "bundled", f"{name} is missing: install vidcache again")


def _action_model() -> Iterator[Finding]:
    from vidcache.model import ActionModel

    model = ActionModel.load("tiny")
    yield Finding("ok", "action model", f"tiny loads: {len(model.labels)} labels")


def _external_encoders() -> Iterator[Finding]:
    from vidcache.encoder.bundled import find_bundled_models
    from vidcache.model.external_encoder import find_encoder, how_to_get_encoder
    from vidcache.model.model_file import read_config

    for name, path in find_bundled_models().items():
        config = read_config(path)
        if config.encoder_source == "external":
            origin = find_encoder(config)
            text = f"{name}: its encoder would come from {origin.text}"
            if origin.missing:
                yield Finding("note", "action model", f"{text}; {how_to_get_encoder(config)}")
            else:
                yield Finding("ok", "action model", text)


def _detector() -> Iterator[Finding]:
    from vidcache.tracking import UltralyticsDetector

    yield Finding("ok", "detector", f"auto is {UltralyticsDetector('auto').description}")


def _video() -> Iterator[Finding]:
    from vidcache.video import open_source

    with open_source("lavfi:testsrc2=size=64x48:rate=5:duration=1") as source:
        count = sum(1 for _ in source)
    if count != 5:
        yield Finding("broken", "video", f"a synthetic video of 5 frames gave {count}")
    else:
        yield Finding("ok", "video", "frames are decoded, with their times")


def _streaming() -> Iterator[Finding]:
    import torch

    from vidcache.cache import SinkWindow
    from vidcache.head import CameraHead, HeadConfig

    config = HeadConfig(
        in_features=16,
        width=32,
        depth=2,
        num_heads=4,
        num_iterations=3,
        num_outputs=5,
        num_tokens=2,
        eviction=SinkWindow(window=6, sink_frames=1),
    )
    generator = torch.Generator().manual_seed(0)
    head = CameraHead(config).double().eval()
    with torch.no_grad():
        for parameter in head.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(0.3 * noise)
        features = torch.randn(2, 40, 2, 16, generator=generator, dtype=torch.float64)
        clip = head(features).prediction
        state = head.init_state(batch_size=2)
        chunks = [features[:, start : start + 3] for start in range(0, features.shape[1], 3)]
        parts = [head.step(chunk, state).prediction for chunk in chunks]
    error = float((torch.cat(parts, dim=1) - clip).abs().max() / clip.abs().max())
    text = f"largest relative error against the clip {error:.1e} (allowed {_TOLERANCE:.0e})"
    yield Finding("ok" if error < _TOLERANCE else "broken", "streaming", text)


_CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "versions": _versions,
    "device": _devices,
    "cache folder": _cache_folder,
    "extras": _extras,
    "bundled": _bundled_files,
    "action model": _action_model,
    "encoders": _external_encoders,
    "detector": _detector,
    "video": _video,
    "streaming": _streaming,
}
