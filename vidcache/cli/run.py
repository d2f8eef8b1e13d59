"""``vidcache run``: one source, or several at the same time."""

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from vidcache.cli.console import show_error, show_message, show_progress
from vidcache.cli.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_PARTLY
from vidcache.cli.interrupt import Interrupt, catch_interrupts
from vidcache.cli.options import (
    AtOnceFlag,
    BatchFlag,
    ConfigFlag,
    DebugFlag,
    DetectorFlag,
    DeviceFlag,
    JsonlFlag,
    MaxFramesFlag,
    MaxLatencyFlag,
    ModelFlag,
    PrecisionFlag,
    PrefixCacheFlag,
    ShowFlag,
    ThresholdFlag,
    TrackerFlag,
    VideoFlag,
    WaitFlag,
    WhenFullFlag,
)
from vidcache.cli.outputs import OutputPaths, make_folders, plan_outputs
from vidcache.cli.sources import NamedSource, name_sources
from vidcache.config import Config, load_config, override
from vidcache.errors import VidcacheError

if TYPE_CHECKING:
    from vidcache.frames import FrameResult
    from vidcache.pipeline import Feed, Pipeline, RunSummary
    from vidcache.video import Sink, Source, WindowSink

__all__ = ["run", "run_sources"]


def run(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE…",
            help="Camera number or device, file, folder, pattern, rtsp://…, http(s)://… or "
            "lavfi:GRAPH. They may stand in the configuration instead.",
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
    at_once: AtOnceFlag = None,
    prefix_cache: PrefixCacheFlag = None,
    when_full: WhenFullFlag = None,
    max_latency: MaxLatencyFlag = None,
    wait: WaitFlag = None,
    debug: DebugFlag = False,
) -> int:
    """Watch sources: action labels and tracked objects, frame by frame.

    Without --jsonl, --video and --show the results go to the standard output as JSON lines, or,
    if that is a terminal, only a summary is shown. Several sources, a folder or a pattern are
    watched together: --jsonl and --video then name folders, and a source that fails does not stop
    the rest.
    """
    flags = {
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
        "at_once": at_once,
        "prefix_cache": prefix_cache,
        "live.when_full": when_full,
        "live.max_latency": max_latency,
        "live.wait": wait,
    }
    settings = override(load_config(config) if config is not None else Config(), flags)
    if source:
        one = {"source": source[0], "sources": None} if len(source) == 1 else {"sources": source}
        settings = settings.model_copy(update=one)
    return run_sources(settings)


def run_sources(settings: Config) -> int:
    """Watches everything that the settings name and returns the exit code."""
    with catch_interrupts() as interrupt:
        try:
            sources = name_sources(settings)
            if settings.source is not None and [settings.source] == [s.uri for s in sources]:
                return _run_one(settings, settings.source, interrupt)
            return _run_together(settings, sources, interrupt)
        except KeyboardInterrupt:
            show_message("interrupted before the first frame")
            return EXIT_INTERRUPTED


def _run_one(settings: Config, uri: str, interrupt: Interrupt) -> int:
    """Watches one source. A wrong path shows at once, before the models are loaded."""
    from vidcache.pipeline import open_watched, wait_for_start

    plan = plan_outputs(settings, uri, name=None, stdout_is_terminal=sys.stdout.isatty())
    with open_watched(uri, settings) as source:
        if not settings.live.wait:
            wait_for_start(source)
        pipeline = _load(settings)
        sinks, window = _make_sinks(plan, show=settings.show)
        interrupt.on_request = pipeline.stop
        try:
            with show_progress(_short_name(source.uri), _total(source, settings)) as progress:
                for result in pipeline.run(source, sinks=sinks):
                    progress.advance(_note(result))
                    if interrupt.requested or (window is not None and window.closed):
                        pipeline.stop()
        finally:
            interrupt.on_request = None
        _report({"": pipeline.summary}, {"": plan}, interrupt)
    return EXIT_INTERRUPTED if interrupt.requested else EXIT_DONE


def _run_together(settings: Config, sources: list[NamedSource], interrupt: Interrupt) -> int:
    """Watches several sources; one that fails does not stop the rest."""
    plans = {
        source.name: plan_outputs(
            settings, source.uri, name=source.name, stdout_is_terminal=sys.stdout.isatty()
        )
        for source in sources
    }
    pipeline = _load(settings)
    failed: dict[str, VidcacheError] = {}
    num_cameras = sum(source.is_camera for source in sources)
    feeds = _feeds(settings, sources, plans, failed)
    interrupt.on_request = pipeline.stop
    try:
        with show_progress(f"{len(sources)} sources", None) as progress:
            for name, result in pipeline.run_many(feeds, at_once=num_cameras + settings.at_once):
                progress.advance(f"{name}: {_note(result)}")
                if interrupt.requested:
                    pipeline.stop()
    finally:
        interrupt.on_request = None
    for name, error in pipeline.errors.items():
        show_error(f"{name}: {error}")
    _report(pipeline.summaries, plans, interrupt)
    if interrupt.requested:
        return EXIT_INTERRUPTED
    num_failed = len(failed | pipeline.errors)
    if num_failed == 0:
        return EXIT_DONE
    return EXIT_FAILED if num_failed == len(sources) else EXIT_PARTLY


def _feeds(
    settings: Config,
    sources: list[NamedSource],
    plans: Mapping[str, OutputPaths],
    failed: dict[str, VidcacheError],
) -> "Iterator[Feed]":
    """Opens one source after the other, as they are asked for, and leaves out those that fail."""
    from vidcache.pipeline import Feed, open_watched

    for source in sources:
        try:
            opened = open_watched(source.uri, settings)
            make_folders(plans[source.name])
        except VidcacheError as error:
            failed[source.name] = error
            show_error(str(error))
            continue
        show_message(f"watching {source.name}: {opened.uri}")
        sinks, _ = _make_sinks(plans[source.name], show=settings.show, name=source.name)
        yield Feed(source.name, opened, sinks)


def _load(settings: Config) -> "Pipeline":
    from vidcache.pipeline import Pipeline

    pipeline = Pipeline.from_config(settings)
    if pipeline.tracker is not None:
        show_message(f"detector: {pipeline.tracker.description}")
    return pipeline


def _make_sinks(
    plan: OutputPaths, *, show: bool, name: str | None = None
) -> "tuple[list[Sink], WindowSink | None]":
    from vidcache.video import JsonlSink, VideoSink, WindowSink

    sinks: list[Sink] = []
    window = WindowSink() if show else None
    if plan.jsonl is not None:
        sinks.append(JsonlSink(plan.jsonl, name=name if plan.jsonl == "-" else None))
    if plan.video is not None:
        sinks.append(VideoSink(plan.video))
    if window is not None:
        sinks.append(window)
    return sinks, window


def _total(source: "Source", settings: Config) -> int | None:
    expected = source.num_frames_estimate if source.known else None
    limit = settings.max_frames
    return min(expected, limit) if expected and limit else expected or limit


def _short_name(uri: str, limit: int = 24) -> str:
    name = (
        uri if "://" in uri or uri.startswith("lavfi:") else uri.replace("\\", "/").split("/")[-1]
    )
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def _note(result: "FrameResult") -> str:
    score = f" {result.actions[0].score:.2f}" if result.actions else ""
    return f"{result.action}{score}, {len(result.objects)} in view"


def _report(
    summaries: "Mapping[str, RunSummary]", plans: Mapping[str, OutputPaths], interrupt: Interrupt
) -> None:
    from vidcache.cli.report import describe_run

    if interrupt.requested:
        frames = sum(summary.num_frames for summary in summaries.values())
        show_message(f"interrupted after {frames} frames; the outputs are complete")
    to_stdout = all(plan.jsonl != "-" for plan in plans.values())
    if not to_stdout and not sys.stderr.isatty():
        return
    stream = sys.stdout if to_stdout else sys.stderr
    for name, summary in summaries.items():
        lines = describe_run(summary)
        if len(plans) > 1:
            lines = [f"{name}: {lines[0]}", *(f"  {line}" for line in lines[1:-1])]
        for line in lines:
            print(line, file=stream)
        for path in (plans[name].jsonl, plans[name].video):
            if path is not None and path != "-":
                print(f"wrote {path}", file=stream)
