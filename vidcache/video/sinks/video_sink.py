"""An annotated H.264 MP4 with the source's own timestamps."""

import os
from pathlib import Path
from typing import Literal

from vidcache.frames import Frame, FrameResult
from vidcache.video.sinks.background import BackgroundSink
from vidcache.video.sinks.overlay import Overlay
from vidcache.video.sinks.video_file import VideoQuality
from vidcache.video.sinks.video_work import VideoWork

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


class _OneFile(VideoWork):
    """The work of a `VideoSink`, on whatever thread it is called."""

    def __init__(
        self, path: Path, overlay: Overlay | Literal["auto"] | None, quality: VideoQuality
    ) -> None:
        super().__init__(overlay, quality)
        self._path = path

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._file is None:
            self._file = self._new_file(self._path, frame, 0.0)
        self._add(self._file, frame, result)

    def _first_path(self) -> Path:
        return self._path

    def _nothing_written(self) -> None:
        # A video of no frames is no video.
        self._path.unlink(missing_ok=True)
