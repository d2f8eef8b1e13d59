"""An annotated H.264 MP4 with the source's own timestamps."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from vidcache.errors import SinkError
from vidcache.frames import Discontinuity, Frame, FrameResult
from vidcache.video.closing import Closing
from vidcache.video.sinks.background import BackgroundSink
from vidcache.video.sinks.overlay import Overlay
from vidcache.video.sinks.video_file import FrameDrawer, VideoFile, VideoQuality

__all__ = ["VideoSink"]


class VideoSink(BackgroundSink):
    """Writes the frames, annotated, as H.264 in an MP4.

    Every frame keeps its presentation time, so a variable frame rate stays one and the file lasts
    as long as the source: of the header, ``labels``, ``frame_rate`` and ``duration`` (seconds,
    where the source knows them) are used, and unless the end says that the video is
    ``truncated``, its last frame lasts until the ``duration``. The file plays up to about a
    second ago even if the program is killed. Drawing and encoding happen on a thread of their
    own; a live source never waits for them, and frames that come too fast are left out.

    Args:
        path: The file, which is replaced if it exists. No frames leave no file.
        overlay: What draws on the frames. ``"auto"`` draws with the labels of the header; None
            writes the frames as they are.
        crf: Quality, 0 (lossless, huge) to 51 (worst).
        preset: Speed of the encoder, in the names of x264.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        overlay: Overlay | Literal["auto"] | None = "auto",
        crf: int = 23,
        preset: str = "veryfast",
    ) -> None:
        super().__init__(_OneFile(Path(path), overlay, VideoQuality(crf, preset)))

    @property
    def name(self) -> str:
        """What the sink is called where its time and its losses are told."""
        return "video"


class _OneFile(Closing):
    """The work of a `VideoSink`, on whatever thread it is called."""

    def __init__(
        self, path: Path, overlay: Overlay | Literal["auto"] | None, quality: VideoQuality
    ) -> None:
        self._path = path
        self._overlay: Overlay | Literal["auto"] | None = overlay
        self._quality = quality
        self._header: Mapping[str, Any] = {}
        self._drawer: FrameDrawer | None = None
        self._file: VideoFile | None = None
        self._finished = False

    @property
    def closed(self) -> bool:
        return self._finished

    @property
    def stage_times(self) -> Mapping[str, tuple[float, int]]:
        return dict(self._drawer.stage_times) if self._drawer is not None else {}

    def open(self, header: dict[str, Any]) -> None:
        try:
            self._path.open("wb").close()
        except OSError as error:
            raise SinkError(
                f"cannot write the video '{self._path}': {error.strerror or error}"
            ) from error
        self._header = header
        self._drawer = FrameDrawer(self._overlay, header)

    def write(self, frame: Frame, result: FrameResult) -> None:
        assert self._drawer is not None
        if self._file is None:
            self._file = VideoFile(
                self._path,
                frame,
                start_seconds=0.0,
                frame_rate=float(self._header.get("frame_rate") or 0.0),
                quality=self._quality,
            )
        self._file.write(frame, result, self._drawer)

    def announce(self, discontinuity: Discontinuity) -> None:
        """Nothing: the last frame is shown until the next one comes."""

    def close(self, end: dict[str, Any] | None = None) -> None:
        if self._finished:
            return
        self._finished = True
        complete = end is not None and not end.get("truncated")
        if self._file is not None:
            self._file.close(self._header.get("duration") if complete else None)
        elif self._drawer is not None:
            # A video of no frames is no video.
            self._path.unlink(missing_ok=True)
