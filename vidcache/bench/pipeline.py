"""`vidcache run` against what a user would compose, with the same weights on the same video."""

import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidcache.bench.agreement import Seen, box_agreement, id_agreement, label_agreement
from vidcache.bench.memory import peak_bytes
from vidcache.bench.profile import Profile, profiled, read_profile
from vidcache.cache import SlidingWindow
from vidcache.encoder import FrameEncoder
from vidcache.errors import MissingExtraError, VidcacheError
from vidcache.head import HeadConfig
from vidcache.model import ActionModel, ActionModelConfig

__all__ = ["Comparison", "Job", "Run", "compare", "profile_run"]

_NUM_LABELS = 16
_RESULT = "vidcache.jsonl"
_IDS_A_SESSION = 1_000_000
_QUIET = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "HF_HUB_OFFLINE": "1",
}


@dataclass(frozen=True)
class Job:
    """What is measured.

    Attributes:
        video: The file that both watch.
        detector: Model file that Ultralytics loads.
        encoder: Name of a ViT of timm.
        encoder_weights: Its weights; None for random ones.
        image_size: Side of the encoder's picture in pixels.
        window: Frames that the head sees.
        num_frames: Frames watched at most.
        num_rounds: Turns of both.
        flags: Further flags of ``vidcache run``.
    """

    video: Path
    detector: Path
    encoder: str = "vit_small_patch14_dinov2"
    encoder_weights: Path | None = None
    image_size: int = 224
    window: int = 64
    num_frames: int = 300
    num_rounds: int = 3
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Run:
    """One pass over the video.

    Attributes:
        seconds: Time from the first look at the video to the last result; loading of models is
            not in it.
        whole_seconds: Time of the whole process.
        cpu_seconds: Processor time of the whole process.
        peak_bytes: Most memory that the process held.
        stages: Milliseconds a frame by stage.
        seen: What was said of each frame.
    """

    seconds: float
    whole_seconds: float
    cpu_seconds: float
    peak_bytes: int
    stages: Mapping[str, float]
    seen: Sequence[Seen]

    @property
    def fps(self) -> float:
        """Frames a second."""
        return len(self.seen) / self.seconds


@dataclass(frozen=True, eq=False)
class Comparison:
    """All turns of both.

    Attributes:
        ours: Runs of ``vidcache run``.
        peers: Runs of the composition, each before the one of ``ours`` in the same place.
    """

    ours: Sequence[Run]
    peers: Sequence[Run]

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times the composition's frames a second, turn by turn."""
        return tuple(a.fps / b.fps for a, b in zip(self.ours, self.peers, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for a JSON file."""
        ours, peer = self.ours[-1], self.peers[-1]
        return {
            "ratio": round(statistics.median(self.ratios), 3),
            "ratios": [round(ratio, 3) for ratio in self.ratios],
            "fps": round(statistics.median(run.fps for run in self.ours), 2),
            "peer_fps": round(statistics.median(run.fps for run in self.peers), 2),
            "frames": len(ours.seen),
            "stages": _median_stages(self.ours),
            "peer_stages": _median_stages(self.peers),
            "agreement": round(label_agreement(ours.seen, peer.seen), 4),
            "labels_seen": len({seen.label for seen in peer.seen}),
            "box_agreement": round(box_agreement(ours.seen, peer.seen), 4),
            "id_agreement": round(id_agreement(ours.seen, peer.seen), 4),
            "cpu_seconds": round(statistics.median(run.cpu_seconds for run in self.ours), 2),
            "peer_cpu_seconds": round(statistics.median(run.cpu_seconds for run in self.peers), 2),
            "whole_seconds": round(statistics.median(run.whole_seconds for run in self.ours), 2),
            "peer_whole_seconds": round(
                statistics.median(run.whole_seconds for run in self.peers), 2
            ),
            "peak_bytes": max(run.peak_bytes for run in self.ours),
            "peer_peak_bytes": max(run.peak_bytes for run in self.peers),
        }


def compare(job: Job, folder: Path) -> Comparison:
    """Runs both in turns, each in a process of its own.

    Args:
        job: What is measured.
        folder: Where the model with the untrained head and the results are written.

    Raises:
        MissingExtraError: A package of the composition is not installed.
        VidcacheError: One of the two failed; the message ends with what it said.
    """
    model = _write_model(job, folder)
    ours: list[Run] = []
    peers: list[Run] = []
    for _ in range(job.num_rounds):
        peers.append(_run_composition(job, model, folder))
        ours.append(_run_vidcache(job, model, folder))
        same = min(len(ours[-1].seen), len(peers[-1].seen))
        if same != max(len(ours[-1].seen), len(peers[-1].seen)):
            raise VidcacheError(
                f"vidcache read {len(ours[-1].seen)} frames of {job.video} and the composition "
                f"{len(peers[-1].seen)}: give --frames {same}"
            )
    return Comparison(ours, peers)


def profile_run(job: Job, folder: Path, stacks: Path) -> Profile:
    """Runs vidcache once more, with py-spy looking at its threads.

    Args:
        job: What is measured; its rounds do not count here.
        folder: Where the model with the untrained head and the results are written.
        stacks: Where the stacks are written; see `profiled`.

    Raises:
        MissingExtraError: py-spy is not installed.
        VidcacheError: It failed; the message ends with what was said.
    """
    command = [sys.executable, *_vidcache_command(job, _write_model(job, folder), folder)]
    _time_process(profiled(command, stacks), folder)
    return read_profile(stacks.read_text(encoding="utf-8").splitlines())


def _write_model(job: Job, folder: Path) -> Path:
    """A model with the encoder's weights and an untrained head, in full precision."""
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    size = (job.image_size, job.image_size)
    width = FrameEncoder(job.encoder, None, image_size=size).num_features
    # With the layer scale that training begins with, history would hardly bear on the labels.
    head = HeadConfig(
        in_features=width, width=width, depth=4, num_heads=max(1, width // 64),
        num_iterations=4, num_outputs=_NUM_LABELS, layer_scale=1.0,
        eviction=SlidingWindow(job.window),
    )  # fmt: skip
    config = ActionModelConfig(
        job.encoder,
        tuple(f"action {number}" for number in range(_NUM_LABELS)),
        head,
        image_size=size,
    )
    model = ActionModel(config, encoder_weights=job.encoder_weights)
    path = folder / "model.safetensors"
    model.save(path, dtype=torch.float32)
    return path


def _run_composition(job: Job, model: Path, folder: Path) -> Run:
    order, result = folder / "composition.json", folder / "composition-result.json"
    work = {
        "video": str(job.video),
        "detector": str(job.detector),
        "model": str(model),
        "window": job.window,
        "frames": job.num_frames,
        "result": str(result),
    }
    order.write_text(json.dumps(work), encoding="utf-8")
    command = [sys.executable, "-m", "vidcache.bench.composition", str(order)]
    whole, cpu, peak = _time_process(command, folder)
    said = json.loads(result.read_text(encoding="utf-8"))
    frames = said["frames"]
    return Run(
        seconds=said["seconds"],
        whole_seconds=whole,
        cpu_seconds=cpu,
        peak_bytes=peak,
        stages={name: 1000 * total / len(frames) for name, total in said["stages"].items()},
        seen=[_seen(frame["label"], frame["ids"], frame["boxes"]) for frame in frames],
    )


def _run_vidcache(job: Job, model: Path, folder: Path) -> Run:
    command = [sys.executable, *_vidcache_command(job, model, folder)]
    whole, cpu, peak = _time_process(command, folder)
    lines = (folder / _RESULT).read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    end = records[-1]
    seen: list[Seen] = []
    session = 0
    for record in records:
        # Objects begin to count anew behind a cut, and their numbers mean others.
        session += record["type"] == "discontinuity"
        if record["type"] == "frame":
            found = record["objects"]
            ids = [_IDS_A_SESSION * session + one["id"] for one in found]
            boxes = [one["box"] for one in found]
            seen.append(_seen(record["actions"][0]["label"], ids, boxes))
    return Run(
        seconds=end["seconds"],
        whole_seconds=whole,
        cpu_seconds=cpu,
        peak_bytes=peak,
        stages={name: stage["mean_ms"] for name, stage in end["timings"].items()},
        seen=seen,
    )


def _vidcache_command(job: Job, model: Path, folder: Path) -> list[str]:
    command = ["-c", "from vidcache.cli import main; main()", "run", str(job.video)]
    command += ["--model", str(model)]
    command += ["--detector", str(job.detector), "--max-frames", str(job.num_frames)]
    return [*command, "--jsonl", str(folder / _RESULT), *job.flags]


def _seen(label: str, ids: list[int], boxes: list[list[float]]) -> Seen:
    table = np.zeros((len(boxes), 4))
    if boxes:
        table[:] = boxes
    return Seen(label, ids, table)


def _time_process(command: Sequence[str], folder: Path) -> tuple[float, float, int]:
    """Runs a program and says how long it took, in seconds, of a processor too, and its memory."""
    log = folder / "log.txt"
    start = time.perf_counter()
    with log.open("wb") as out:
        process = os.posix_spawn(
            command[0],
            list(command),
            os.environ | _QUIET,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, out.fileno(), 2),
            ],
        )
        _, status, usage = os.wait4(process, 0)
    whole = time.perf_counter() - start
    if status != 0:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["nothing"]
        _explain(said[-1], command[1:])
    return whole, usage.ru_utime + usage.ru_stime, peak_bytes(usage.ru_maxrss)


def _explain(last_line: str, arguments: Sequence[str]) -> None:
    missing = "ModuleNotFoundError: No module named "
    if last_line.startswith(missing):
        package = last_line.removeprefix(missing).strip("'\"").split(".")[0]
        raise MissingExtraError(package, "bench", "measure the composition")
    raise VidcacheError(f"{' '.join(arguments[:3])} failed: {last_line}")


def _median_stages(runs: Sequence[Run]) -> dict[str, float]:
    return {
        name: round(statistics.median(run.stages[name] for run in runs), 3)
        for name in runs[-1].stages
    }
