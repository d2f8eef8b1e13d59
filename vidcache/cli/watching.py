"""Watching what the settings name: one source, or several at the same time."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vidcache.cli.console import show_error, show_message, show_progress
from vidcache.cli.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_PARTLY
from vidcache.cli.interrupt import Interrupt, catch_interrupts
from vidcache.cli.outputs import RunOutputs
from vidcache.cli.sources import NamedSource, name_sources
from vidcache.config import Config
from vidcache.errors import VidcacheError

if TYPE_CHECKING:
    from vidcache.frames import FrameResult
    from vidcache.pipeline import Feed, Pipeline, RunSummary

__all__ = ["watch_sources"]


def watch_sources(settings: Config) -> int:
    """Watches everything that the settings name and returns the exit code."""
    with catch_interrupts() as interrupt:
        try:
            sources = name_sources(settings)
            with RunOutputs(settings, sources, stdout_is_terminal=sys.stdout.isatty()) as outputs:
                if len(sources) == 1 and not sources[0].is_one_of_many:
                    return _watch_one(settings, sources[0], outputs, interrupt)
                return _watch_together(settings, sources, outputs, interrupt)
        except KeyboardInterrupt:
            show_message("interrupted before the first frame")
            return EXIT_INTERRUPTED


def _watch_one(
    settings: Config, named: NamedSource, outputs: RunOutputs, interrupt: Interrupt
) -> int:
    """Watches one source. A wrong path shows at once, before the models are loaded."""
    from vidcache.cli.news import NewsSink
    from vidcache.pipeline import open_watched, wait_for_start

    with open_watched(named.uri, settings) as source:
        if not settings.live.wait:
            wait_for_start(source)
        pipeline = _load(settings, live=source.is_live)
        sinks = [NewsSink(source.uri), *outputs.sinks(named.name, source)]
        total = source.expected_frames(settings.max_frames)
        interrupt.on_request = pipeline.stop
        try:
            with show_progress(_short_name(source.uri), total) as progress:
                for result in pipeline.run(source, sinks=sinks):
                    progress.advance(_note(result))
                    if interrupt.requested or _all_closed(outputs):
                        pipeline.stop()
        finally:
            interrupt.on_request = None
        _report({named.name: pipeline.summary}, outputs, interrupt)
    return EXIT_INTERRUPTED if interrupt.requested else EXIT_DONE


def _watch_together(
    settings: Config, sources: list[NamedSource], outputs: RunOutputs, interrupt: Interrupt
) -> int:
    """Watches several sources; one that fails does not stop the rest."""
    pipeline = _load(settings, live=any(named.is_camera for named in sources))
    failed: dict[str, VidcacheError] = {}
    feeds = _feeds(settings, sources, outputs, failed)
    at_once = settings.at_once + sum(source.is_camera for source in sources)
    interrupt.on_request = pipeline.stop
    try:
        with show_progress(f"{len(sources)} sources", None) as progress:
            for name, result in pipeline.run_many(feeds, at_once=at_once):
                progress.advance(f"{name}: {_note(result)}")
                if interrupt.requested or _all_closed(outputs):
                    pipeline.stop()
    finally:
        interrupt.on_request = None
    for name, error in pipeline.errors.items():
        show_error(f"{name}: {error}")
    _report(pipeline.summaries, outputs, interrupt)
    if interrupt.requested:
        return EXIT_INTERRUPTED
    num_failed = len(failed | pipeline.errors)
    if num_failed == 0:
        return EXIT_DONE
    return EXIT_FAILED if num_failed == len(sources) else EXIT_PARTLY


def _feeds(
    settings: Config,
    sources: list[NamedSource],
    outputs: RunOutputs,
    failed: dict[str, VidcacheError],
) -> "Iterator[Feed]":
    """Opens one source after the other, as they are asked for, and leaves out those that fail."""
    from vidcache.cli.news import NewsSink
    from vidcache.pipeline import Feed, open_watched

    for named in sources:
        try:
            source = open_watched(named.uri, settings)
            sinks = [NewsSink(named.name), *outputs.sinks(named.name, source)]
        except VidcacheError as error:
            failed[named.name] = error
            show_error(str(error))
            continue
        show_message(f"watching {named.name}: {source.uri}")
        yield Feed(named.name, source, sinks)


def _load(settings: Config, *, live: bool) -> "Pipeline":
    from vidcache.pipeline import Pipeline
    from vidcache.tracking import UltralyticsPose

    pipeline = Pipeline.from_config(settings, live=live)
    if pipeline.tracker is not None:
        show_message(f"detector: {pipeline.tracker.description}")
    if pipeline.objects is not None and isinstance(pipeline.objects.pose, UltralyticsPose):
        show_message(f"keypoints: {pipeline.objects.pose.description}")
    return pipeline


def _all_closed(outputs: RunOutputs) -> bool:
    """Whether there were live windows, and people have closed them all."""
    return bool(outputs.windows) and all(window.closed for window in outputs.windows)


def _short_name(uri: str, limit: int = 24) -> str:
    name = uri if "://" in uri or uri.startswith("lavfi:") else Path(uri).name
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def _note(result: "FrameResult") -> str:
    score = f" {result.actions[0].score:.2f}" if result.actions else ""
    return f"{result.action}{score}, {len(result.objects)} in view"


def _report(
    summaries: "Mapping[str, RunSummary]", outputs: RunOutputs, interrupt: Interrupt
) -> None:
    from vidcache.cli.report import describe_run

    if interrupt.requested:
        frames = sum(summary.num_frames for summary in summaries.values())
        show_message(f"interrupted after {frames} frames; the outputs are complete")
    if outputs.uses_stdout and not sys.stderr.isatty():
        return
    stream = sys.stderr if outputs.uses_stdout else sys.stdout
    for name, summary in summaries.items():
        lines = describe_run(summary)
        if len(summaries) > 1:
            lines = [f"{name}: {lines[0]}", *(f"  {line}" for line in lines[1:-1])]
        for line in (*lines, *(f"wrote {path}" for path in outputs.files(name))):
            print(line, file=stream)
