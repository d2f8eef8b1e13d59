"""``vidcache batch``: many files, in worker processes or on a Ray cluster."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcache.cli.console import show_error, show_message
from vidcache.cli.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_PARTLY
from vidcache.cli.interrupt import catch_interrupts
from vidcache.cli.options import (
    ActionsFlag,
    ConfigFlag,
    DebugFlag,
    DetectEveryFlag,
    DetectorFlag,
    DeviceFlag,
    EncoderWeightsFlag,
    FeatureCacheFlag,
    LabelsFlag,
    MaxFramesFlag,
    ModelFlag,
    ObjectModelFlag,
    PrecisionFlag,
    ThresholdFlag,
    TrackerFlag,
)
from vidcache.config import Config, load_config, override
from vidcache.errors import ConfigError

if TYPE_CHECKING:
    from vidcache.batch import Batch, BatchReport, FileError

__all__ = ["batch"]


def batch(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH…",
            help="Files, folders (with all that is in them) and patterns; - reads a list from "
            "the standard input, one a line or ended by NUL.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for outputs, manifest and errors.")
    ],
    workers: Annotated[
        str, typer.Option("--workers", metavar="N|auto", help="Files at work at the same time.")
    ] = "auto",
    shard: Annotated[
        str, typer.Option("--shard", metavar="i/N", help="Do only this part of the files.")
    ] = "1/1",
    on_error: Annotated[
        str,
        typer.Option("--on-error", metavar="skip|fail", help="Go on after a bad file, or stop."),
    ] = "skip",
    engine: Annotated[
        str, typer.Option("--engine", metavar="local|ray", help="Processes here, or a Ray cluster.")
    ] = "local",
    kinds: Annotated[
        str,
        typer.Option("--with", metavar="KIND,…", help="More outputs of each file: video, csv, …"),
    ] = "",
    recursive: Annotated[
        bool, typer.Option("--recursive/--no-recursive", help="Search folders in folders.")
    ] = True,
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="Name outputs relative to this folder. [default: the one that all PATHs share]",
        ),
    ] = None,
    file_timeout: Annotated[
        float | None,
        typer.Option("--file-timeout", metavar="SECONDS", help="Leave a file that takes longer."),
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option("--ray-address", metavar="ADDRESS", help="Cluster. [default: one made here]"),
    ] = None,
    config: ConfigFlag = None,
    model: ModelFlag = None,
    encoder_weights: EncoderWeightsFlag = None,
    labels: LabelsFlag = None,
    actions: ActionsFlag = None,
    object_model: ObjectModelFlag = None,
    detector: DetectorFlag = None,
    tracker: TrackerFlag = None,
    detect_every: DetectEveryFlag = None,
    max_frames: MaxFramesFlag = None,
    threshold: ThresholdFlag = None,
    device: DeviceFlag = None,
    precision: PrecisionFlag = None,
    feature_cache: FeatureCacheFlag = None,
    debug: DebugFlag = False,
) -> int:
    """Label many files: JSON lines for each, a manifest, and a list of the bad ones.

    Outputs keep the files' places below DIR, and appear whole or not at all. Run again, it does
    what is missing, also after a kill. The exit code is 3 if some files are bad; DIR/errors.jsonl
    says which and why.
    """
    flags = {
        "model": model,
        "encoder_weights": encoder_weights,
        "labels": labels,
        "actions": actions,
        "objects.model": object_model,
        "detector": detector,
        "tracker": tracker,
        "track.detect_every": detect_every,
        "max_frames": max_frames,
        "threshold": threshold,
        "device": device,
        "precision": precision,
        "encoder.cache.folder": feature_cache,
    }
    settings = override(load_config(config) if config is not None else Config(), flags)
    with catch_interrupts() as interrupt:
        try:
            from vidcache.batch import Batch, BatchOptions, Shard

            options = BatchOptions(
                out,
                kinds=tuple(kind for kind in kinds.split(",") if kind),
                num_workers=_num_workers(workers),
                shard=Shard.parse(shard),
                on_error=on_error,  # pyright: ignore[reportArgumentType]
                engine=engine,  # pyright: ignore[reportArgumentType]
                ray_address=ray_address,
                recursive=recursive,
                root=root,
                file_timeout=file_timeout,
            )
            named = _read_list(paths)
            work = Batch(settings, options)
            interrupt.on_request = work.stop
            report = _run(work, named, debug=debug)
        except KeyboardInterrupt:
            show_message("interrupted before the first file")
            return EXIT_INTERRUPTED
        finally:
            interrupt.on_request = None
    return _conclude(report)


def _run(work: "Batch", paths: list[str], *, debug: bool) -> "BatchReport":
    def tell(error: "FileError") -> None:
        show_error(error.error)
        if debug and error.trace:
            print(error.trace, file=sys.stderr)

    if not sys.stderr.isatty():
        return work.run(paths, on_error=tell)
    # rich takes a while to load, and pipes do not need it.
    from vidcache.cli.batch_bar import BatchBar

    with BatchBar() as bar:
        return work.run(paths, on_progress=bar.update, on_error=tell)


def _num_workers(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise ConfigError(f"--workers: {text!r} is not allowed: expected a number, or auto")
    return int(text)


def _read_list(paths: list[str]) -> list[str]:
    """The paths, those of the standard input in the place of ``-``."""
    named: list[str] = []
    for path in paths:
        if path != "-":
            named.append(path)
            continue
        text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        entries = text.split("\0") if "\0" in text else re.split(r"\r?\n", text)
        named += [entry for entry in entries if entry.strip()]
    return named


def _conclude(report: "BatchReport") -> int:
    from vidcache.cli.batch_report import describe_batch

    for line in describe_batch(report):
        print(line)
    progress = report.progress
    if report.failure is not None:
        show_error(f"stopped: {report.failure}")
        return EXIT_FAILED
    if report.interrupted:
        return EXIT_INTERRUPTED
    if progress.num_failed == 0 and progress.num_truncated == 0:
        return EXIT_DONE
    return EXIT_FAILED if progress.num_failed == progress.num_files else EXIT_PARTLY
