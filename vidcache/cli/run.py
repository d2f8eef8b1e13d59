"""``vidcache run``: one source, or one file after the other."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcache.cli.console import show_error, show_message, show_progress
from vidcache.cli.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_PARTLY
from vidcache.cli.interrupt import Interrupt, catch_interrupts
from vidcache.cli.options import (
    BatchFlag,
    ConfigFlag,
    DebugFlag,
    DetectorFlag,
    DeviceFlag,
    JsonlFlag,
    MaxFramesFlag,
    ModelFlag,
    PrecisionFlag,
    PrefixCacheFlag,
    ShowFlag,
    ThresholdFlag,
    TrackerFlag,
    VideoFlag,
)
from vidcache.cli.outputs import OutputPaths, make_folders, plan_outputs
from vidcache.config import Config, load_config, override
from vidcache.errors import ConfigError, VidcacheError

if TYPE_CHECKING:
    from vidcache.frames import FrameResult
    from vidcache.pipeline import Pipeline
    from vidcache.video import Sink, Source, WindowSink

__all__ = ["run", "run_sources"]


def run(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="Camera number or device, file, folder, pattern, rtsp://…, http(s)://… or "
            "lavfi:GRAPH. It may stand in the configuration instead.",
        ),
    ] = None,
    config: ConfigFlag = None,
    model: ModelFlag = None,
    detector: DetectorFlag = None,
    tracker: TrackerFlag = None,
    jsonl: JsonlFlag = None,
    video: VideoFlag = None,
    show: ShowFlag = None,
    max_frames: MaxFramesFlag = None,
    threshold: ThresholdFlag = None,
    device: DeviceFlag = None,
    precision: PrecisionFlag = None,
    batch: BatchFlag = None,
    prefix_cache: PrefixCacheFlag = None,
    debug: DebugFlag = False,
) -> int:
    """Watch a source: action labels and tracked objects, frame by frame.

    Without --jsonl, --video and --show the results go to the standard output as JSON lines, or,
    if that is a terminal, only a summary is shown. A folder or a pattern is worked through file
    by file: --jsonl and --video then name folders, and a file that fails does not stop the rest.
    """
    flags = {
        "source": source,
        "model": model,
        "detector": detector,
        "tracker": tracker,
        "jsonl": jsonl,
        "video": video,
        "show": show,
        "max_frames": max_frames,
        "threshold": threshold,
        "device": device,
        "precision": precision,
        "batch": batch,
        "prefix_cache": prefix_cache,
    }
    settings = override(load_config(config) if config is not None else Config(), flags)
    if settings.source is None:
        raise ConfigError("there is no SOURCE: give one, or a configuration with the key 'source'")
    return run_sources(settings, settings.source)


def run_sources(settings: Config, source: str) -> int:
    """Runs everything that SOURCE stands for and returns the exit code."""
    with catch_interrupts() as interrupt:
        try:
            return _run_all(settings, source, interrupt)
        except KeyboardInterrupt:
            show_message("interrupted before the first frame")
            return EXIT_INTERRUPTED


def _run_all(settings: Config, source: str, interrupt: Interrupt) -> int:
    from vidcache.video import expand_sources

    sources = expand_sources(source)
    several = sources != [source]
    plans = plan_outputs(sources, settings, several=several, stdout_is_terminal=sys.stdout.isatty())
    # Of one source a wrong path shows at once; of several, one that fails must not be the first
    # to tell that the models cannot be loaded.
    pipeline = _load(settings) if several else None
    num_failed = 0
    for uri, plan in zip(sources, plans, strict=True):
        try:
            with _open(uri, settings) as opened:
                pipeline = pipeline or _load(settings)
                if several:
                    show_message(f"reading {opened.uri}")
                    make_folders(plan)
                _run_one(pipeline, opened, plan, settings.show, interrupt)
        except VidcacheError as error:
            if not several or isinstance(error.__cause__, BrokenPipeError):
                raise
            num_failed += 1
            show_error(str(error))
        if interrupt.requested:
            return EXIT_INTERRUPTED
    if num_failed == 0:
        return EXIT_DONE
    return EXIT_FAILED if num_failed == len(sources) else EXIT_PARTLY


def _load(settings: Config) -> "Pipeline":
    from vidcache.pipeline import Pipeline

    pipeline = Pipeline.from_config(settings)
    if pipeline.tracker is not None:
        show_message(f"detector: {pipeline.tracker.description}")
    return pipeline


def _open(uri: str, settings: Config) -> "Source":
    from vidcache.video import open_source

    return open_source(uri, **settings.read.source_options())


def _run_one(
    pipeline: "Pipeline", source: "Source", plan: OutputPaths, show: bool, interrupt: Interrupt
) -> None:
    sinks, window = _make_sinks(plan, show=show)
    interrupt.on_request = pipeline.stop
    limit = pipeline.config.max_frames
    expected = source.num_frames_estimate
    total = min(expected, limit) if expected and limit else expected or limit
    try:
        with show_progress(_short_name(source.uri), total) as progress:
            for result in pipeline.run(source, sinks=sinks):
                progress.advance(_note(result))
                if interrupt.requested or (window is not None and window.closed):
                    pipeline.stop()
    finally:
        interrupt.on_request = None
    _report(pipeline, plan, interrupt)


def _make_sinks(plan: OutputPaths, *, show: bool) -> "tuple[list[Sink], WindowSink | None]":
    from vidcache.video import JsonlSink, VideoSink, WindowSink

    sinks: list[Sink] = []
    window = WindowSink() if show else None
    if plan.jsonl is not None:
        sinks.append(JsonlSink(plan.jsonl))
    if plan.video is not None:
        sinks.append(VideoSink(plan.video))
    if window is not None:
        sinks.append(window)
    return sinks, window


def _short_name(uri: str, limit: int = 24) -> str:
    name = uri if "://" in uri or uri.startswith("lavfi:") else Path(uri).name
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def _note(result: "FrameResult") -> str:
    score = f" {result.actions[0].score:.2f}" if result.actions else ""
    return f"{result.action}{score}, {len(result.objects)} in view"


def _report(pipeline: "Pipeline", plan: OutputPaths, interrupt: Interrupt) -> None:
    from vidcache.cli.report import describe_run

    summary = pipeline.summary
    if interrupt.requested:
        show_message(f"interrupted after {summary.num_frames} frames; the outputs are complete")
    to_stdout = plan.jsonl != "-"
    if not to_stdout and not sys.stderr.isatty():
        return
    for line in describe_run(summary):
        print(line, file=sys.stdout if to_stdout else sys.stderr)
    for path in (plan.jsonl, plan.video):
        if path is not None and path != "-":
            print(f"wrote {path}", file=sys.stdout if to_stdout else sys.stderr)
