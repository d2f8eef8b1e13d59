"""Trains a person model of Ultralytics by the clock, in one process a core, and can be cut off."""

import argparse
import math
import os
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from person_detector_scenes import Scenes, collate
from torch import nn
from torch.utils.data import DataLoader

_MIX_STEPS = 10**7
_LAST_STAGE = 0.75


class Training:
    """The state of a training run, which a file can hold.

    Args:
        model: The model with its loss.
        work: Folder of the run.
        minutes: How long it may take in all, restarts included.
    """

    def __init__(self, model: Any, work: Path, minutes: float) -> None:
        self._file = work / "last.pt"
        self._seconds = 60 * minutes
        self.model = model.to(memory_format=torch.channels_last)
        self.average = deepcopy(self.model).eval()
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        rest = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
        self.step, self.spent = 0, 0.0
        if self._file.exists():
            saved = torch.load(self._file, weights_only=True)
            self.model.load_state_dict(saved["model"])
            self.average.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step, self.spent = saved["step"], saved["spent"]

    @property
    def done(self) -> float:
        """Part of the time that is over, 0 to 1."""
        return min(1.0, self.spent / self._seconds)

    def save(self) -> None:
        """Writes the state; a run that is cut off loses a few minutes at most."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "spent": self.spent,
        }
        partial = self._file.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(self._file)

    def update(self, batch: dict[str, torch.Tensor], peak: float) -> dict[str, torch.Tensor]:
        """One optimisation step; returns the parts of the loss."""
        warm = min(1.0, (self.step + 1) / 150)
        rate = peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.done)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        pixels = batch["img"].float().div_(255).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            raw = self.model(pixels)
        loss, parts = self.model.loss(batch, _as_float(raw))
        # Ultralytics shifts the weight from the one-to-many to the one-to-one head with time.
        criterion = self.model.criterion
        criterion.o2m = 0.8 - 0.7 * self.done
        criterion.o2o = 1.0 - criterion.o2m
        self.optimizer.zero_grad(set_to_none=True)
        loss.sum().backward()
        self._share_gradients()
        nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return parts

    def _share_gradients(self) -> None:
        """Averages the gradients of all processes, and the clock by which the schedule goes."""
        if not dist.is_initialized():
            return
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        everything = torch.cat([g.flatten() for g in gradients] + [torch.tensor([self.spent])])
        dist.all_reduce(everything)
        everything /= dist.get_world_size()
        parts = everything[:-1].split([g.numel() for g in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        self.spent = float(everything[-1])

    def _follow(self) -> None:
        keep = 0.9965 * (1 - math.exp(-self.step / 400))
        weights = self.model.state_dict()
        with torch.no_grad():
            for name, value in self.average.state_dict().items():
                if value.dtype.is_floating_point:
                    value.lerp_(weights[name], 1 - keep)


def _as_float(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {key: _as_float(value) for key, value in raw.items()}
    if isinstance(raw, (list, tuple)):
        return [_as_float(value) for value in raw]
    return raw.float()


def add_commands(
    commands: Any,
    train: Callable[[argparse.Namespace], None],
    save: Callable[[argparse.Namespace], None],
) -> None:
    """Adds the commands ``train`` and ``save`` to those of a script.

    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` returned.
        train: Does the one.
        save: Does the other.
    """
    one = commands.add_parser("train")
    one.add_argument("--minutes", type=float, default=80)
    one.add_argument("--size", type=int, default=256)
    one.add_argument("--last-size", type=int, default=320)
    one.add_argument("--batch", type=int, default=8)
    one.add_argument("--rate", type=float, default=2e-3)
    one.add_argument("--processes", type=int, default=2)
    one.set_defaults(run=train)
    two = commands.add_parser("save")
    two.add_argument("--out", type=Path, required=True)
    two.add_argument("--image-size", type=int, default=416)
    two.set_defaults(run=save)
    for command in (one, two):
        command.add_argument("--work", type=Path, required=True)


def train(args: argparse.Namespace, make_model: Callable[[], Any]) -> None:
    """Trains until the time is over, in one process a core.

    Two processes of one thread each do about twice the work of one process of two threads: the
    layers are small, and threads wait for each other.

    Args:
        args: The options of ``train`` in `add_commands`.
        make_model: Makes the model to begin with; a function of a module, since other processes
            call it.
    """
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{folder}/processes"
        torch.multiprocessing.spawn(
            _train_process, (args, make_model, meeting, os.getpid()), nprocs=args.processes
        )


def _train_process(
    rank: int, args: argparse.Namespace, make_model: Callable[[], Any], meeting: str, parent: int
) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if args.processes > 1:
        dist.init_process_group("gloo", meeting, rank=rank, world_size=args.processes)
    run = Training(make_model(), args.work, args.minutes)
    while run.done < 1.0 and os.getppid() == parent:
        _train_stage(run, args, rank, parent)
    if rank == 0:
        run.save()


def _train_stage(run: Training, args: argparse.Namespace, rank: int, parent: int) -> None:
    """Trains at one size of scenes: small for most of the time, larger towards the end."""
    is_last = run.done >= _LAST_STAGE
    size = args.last_size if is_last else args.size
    first = (run.step * args.processes + rank * _MIX_STEPS) * args.batch
    scenes = Scenes(args.work / "pictures", size, first, _MIX_STEPS)
    loader = DataLoader(scenes, args.batch, num_workers=1, collate_fn=collate, prefetch_factor=8)
    totals: dict[str, float] = {}
    before = last_report = last_save = time.monotonic()
    for batch in loader:
        now = time.monotonic()
        run.spent += now - before
        before = now
        # The processes agree on the time within the step, so all of them stop at the same one.
        parts = run.update(batch, args.rate)
        for key, value in parts.items():
            totals[key] = totals.get(key, 0.0) + float(value)
        if run.step % 100 == 0 and rank == 0:
            speed = 100 * args.batch * args.processes / (now - last_report)
            means = " ".join(f"{key} {value / 100:.3f}" for key, value in totals.items())
            print(f"step {run.step} {run.done:.1%} {speed:.1f} pictures/s {means}", flush=True)
            totals, last_report = {}, now
        if now - last_save > 60 and rank == 0:
            run.save()
            last_save = now
        stage_is_over = run.done >= (1.0 if is_last else _LAST_STAGE)
        if stage_is_over or os.getppid() != parent:
            return


def save_checkpoint(
    model: Any, weights: dict[str, torch.Tensor], task: str, image_size: int, out: Path
) -> None:
    """Writes weights as a checkpoint that Ultralytics loads, in half precision.

    Args:
        model: A model of the weights' kind.
        weights: What it shall hold.
        task: What Ultralytics calls its task.
        image_size: Longer side of the pictures that it looks at by default, in pixels.
        out: The file; its name without ending is that of its card.
    """
    model.load_state_dict(weights)
    model = model.to(memory_format=torch.contiguous_format).half().eval()
    for parameter in model.parameters():
        parameter.requires_grad = False
    # What Ultralytics would note of this machine: the path of the architecture's file.
    architecture = Path(model.yaml["yaml_file"]).name
    model.yaml["yaml_file"] = architecture
    model.task = task
    settings = {"task": task, "imgsz": image_size, "model": architecture}
    model.args = dict(settings)
    checkpoint = {"model": model, "train_args": settings, "license": f"see {out.stem}.md"}
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint, out)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")
