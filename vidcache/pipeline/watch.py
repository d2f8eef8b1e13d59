"""The pipeline in one call."""

from collections.abc import Iterator, Sequence
from os import PathLike, fspath
from typing import Any

from vidcache.config import Config, override
from vidcache.frames import FrameResult
from vidcache.pipeline.loading import open_watched, wait_for_start
from vidcache.pipeline.pipeline import Pipeline
from vidcache.video import Sink

__all__ = ["watch"]


def watch(
    source: str | int | PathLike[str],
    *,
    model: str | None = None,
    detector: str | None = None,
    tracker: str | None = None,
    config: Config | None = None,
    max_frames: int | None = None,
    sinks: Sequence[Sink] = (),
    **settings: Any,
) -> Iterator[FrameResult]:
    """Watches a source and yields, frame by frame, what is being done and by whom.

    Models are loaded and the source is opened with the first result; closing the iterator closes
    everything. A file is read whole, frame by frame, with the same results each time; of a camera
    that is faster than this machine, frames are left out.

    Args:
        source: Camera number or device, file, ``rtsp://…``, ``http(s)://…`` or ``lavfi:GRAPH``.
        model: Name of a bundled action model or the path of a model file; ``tiny`` by default.
        detector: ``auto`` (the default), ``none``, a model's name, or the path of a model file.
        tracker: Name of a tracker, or the path of its settings file; ``bytetrack`` by default.
        config: Settings to start from; what is given beside it comes first.
        max_frames: How many frames are read at most; None for all.
        sinks: Outputs; each result is written before it is yielded.
        **settings: Any other key of `Config`, such as ``threshold``, ``precision`` or
            ``prefix_cache``.

    Yields:
        One result for each frame.

    Raises:
        SourceError: If the source cannot be opened, or fails; the frames before it come first.
        ModelError: If a model cannot be found, fetched or read.
        ConfigError: If a setting is unknown or not allowed.
        MissingExtraError: If a package is missing.

    Example:
        >>> from vidcache import watch
        >>> for result in watch("lavfi:testsrc2=duration=1", detector="none", max_frames=2):
        ...     print(result.index, result.pts_seconds)
        0 0.0
        1 0.04
    """
    named = {"model": model, "detector": detector, "tracker": tracker, "max_frames": max_frames}
    settled = override(config or Config(), named | settings, prefix="")
    uri = source if isinstance(source, int) else fspath(source)
    with open_watched(uri, settled) as opened:
        wait_for_start(opened)
        pipeline = Pipeline.from_config(settled, live=opened.is_live)
        yield from pipeline.run(opened, sinks=sinks)
