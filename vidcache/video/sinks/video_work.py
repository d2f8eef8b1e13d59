"""What annotated video in one file and in segments have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from vidcache.errors import SinkError
from vidcache.frames import Discontinuity, Frame, FrameResult
from vidcache.video.closing import Closing
from vidcache.video.sinks.overlay import Overlay
from vidcache.video.sinks.video_file import FrameDrawer, VideoFile, VideoQuality

__all__ = ["VideoWork"]


class VideoWork(Closing, ABC):
    """A sink that draws and encodes on whatever thread it is called: slow work.

    Args:
        overlay: What draws on the frames. ``"auto"`` draws with the labels of the header; None
            writes the frames as they are.
        quality: How frames are encoded.
    """

    def __init__(self, overlay: Overlay | Literal["auto"] | None, quality: VideoQuality) -> None:
        self._overlay: Overlay | Literal["auto"] | None = overlay
        self._quality = quality
        self._header: Mapping[str, Any] = {}
        self._drawer: FrameDrawer | None = None
        self._file: VideoFile | None = None
        self._finished = False

    @property
    def closed(self) -> bool:
        """True once it takes no more results."""
        return self._finished

    @property
    def stage_times(self) -> Mapping[str, tuple[float, int]]:
        """Seconds and frames so far of ``draw`` and ``write``."""
        return dict(self._drawer.stage_times) if self._drawer is not None else {}

    def open(self, header: dict[str, Any]) -> None:
        """Check that files can be written, before the first frame. See `Sink.open`."""
        path = self._first_path()
        try:
            path.open("wb").close()
            self._checked(path)
        except OSError as error:
            raise SinkError(
                f"cannot write the video '{path}': {error.strerror or error}"
            ) from error
        self._header = header
        self._drawer = FrameDrawer(self._overlay, header)

    @abstractmethod
    def write(self, frame: Frame, result: FrameResult) -> None:
        """Draw on one frame and encode it. See `Sink.write`."""

    def announce(self, discontinuity: Discontinuity) -> None:
        """Nothing: what comes next tells how long the last frame is shown."""

    def close(self, end: dict[str, Any] | None = None) -> None:
        """Finish the file, which lasts as long as the source if that was read to its end."""
        if self._finished:
            return
        self._finished = True
        complete = end is not None and not end.get("truncated")
        file, self._file = self._file, None
        if file is not None:
            file.close(self._header.get("duration") if complete else None)
        elif self._drawer is not None:
            self._nothing_written()

    @abstractmethod
    def _first_path(self) -> Path:
        """The first file."""

    def _checked(self, path: Path) -> None:
        """The first file could be opened, and is there now."""

    def _nothing_written(self) -> None:
        """It was closed with no file open."""

    def _new_file(self, path: Path, first: Frame, start_seconds: float) -> VideoFile:
        return VideoFile(
            path,
            first,
            start_seconds=start_seconds,
            frame_rate=float(self._header.get("frame_rate") or 0.0),
            quality=self._quality,
        )

    def _add(self, file: VideoFile, frame: Frame, result: FrameResult) -> None:
        if self._drawer is None:
            raise SinkError("the video is not open: call open(header) before write")
        file.write(frame, result, self._drawer)
