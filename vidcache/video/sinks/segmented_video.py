"""Annotated video in segments, for cameras that never end."""

import os
from pathlib import Path
from typing import Literal

from vidcache.errors import ConfigError, SinkError
from vidcache.frames import Frame, FrameResult
from vidcache.video.sinks.background import BackgroundSink
from vidcache.video.sinks.numbered_files import NumberedFiles
from vidcache.video.sinks.overlay import Overlay
from vidcache.video.sinks.recovery import Recovery
from vidcache.video.sinks.video_file import VideoFile, VideoQuality
from vidcache.video.sinks.video_work import VideoWork

__all__ = ["SegmentedVideoSink"]


class SegmentedVideoSink(BackgroundSink):
    """Writes the annotated frames as ``camera.0001.mp4``, ``camera.0002.mp4`` and so on.

    Each segment is a video of its own that begins at second 0 and lasts until the first frame of
    the next one, so together they last as long as the source. Every frame is in one of them. A
    picture of another size begins a new segment, so none is fitted in with bars. Numbers go on
    after those that are there: a program that is started again replaces nothing. Where frames are
    missing for long, because the camera was lost, a segment ends soon after the last frame.

    If a live source's segment cannot be written, because the disk is full for instance, the sink
    goes on in a new one as soon as it can. A failure during the run of a file is an error.

    Args:
        path: What the segments are named after; no file of this very name is made.
        segment_seconds: A segment ends before the first frame whose presentation time lies so
            long after that of its first.
        keep_files: How many segments there are at most, the newest included; older ones are
            removed.
        overlay: What draws on the frames. ``"auto"`` draws with the labels of the header; None
            writes the frames as they are.
        crf: Quality, 0 (lossless, huge) to 51 (worst).
        preset: Speed of the encoder, in the names of x264.
        retry_seconds: About how long to wait after a first failure, and at most.

    Raises:
        ConfigError: A limit that makes no sense.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        segment_seconds: float,
        keep_files: int | None = None,
        overlay: Overlay | Literal["auto"] | None = "auto",
        crf: int = 23,
        preset: str = "veryfast",
        retry_seconds: tuple[float, float] = (1.0, 60.0),
    ) -> None:
        if not segment_seconds > 0:
            raise ConfigError(f"segment_seconds={segment_seconds}: expected more than 0")
        files = NumberedFiles(Path(path), keep_files)
        recovery = Recovery(str(path), *retry_seconds)
        quality = VideoQuality(crf, preset)
        super().__init__(_Segments(files, segment_seconds, overlay, quality, recovery))

    @property
    def name(self) -> str:
        """What the sink is called where its time and its losses are told."""
        return "video"


class _Segments(VideoWork):
    """The work of a `SegmentedVideoSink`, on whatever thread it is called."""

    def __init__(
        self,
        files: NumberedFiles,
        segment_seconds: float,
        overlay: Overlay | Literal["auto"] | None,
        quality: VideoQuality,
        recovery: Recovery,
    ) -> None:
        super().__init__(overlay, quality)
        self._files = files
        self._segment_seconds = segment_seconds
        self._recovery = recovery
        self._path: Path | None = None
        self._size: tuple[int, ...] = ()
        self._num_lost = 0
        self.num_dropped = 0

    def write(self, frame: Frame, result: FrameResult) -> None:
        try:
            if self._file is not None and self._is_over(self._file, frame):
                file, self._file = self._file, None
                file.close(frame.pts_seconds)
            if self._file is None and self._recovery.due:
                self._file = self._begin(frame)
            if self._file is not None:
                self._add(self._file, frame, result)
                self._recovery.note_success(self._num_lost)
                self._num_lost = 0
                return
        except SinkError as error:
            self._recover_from(error)
        self._num_lost += 1
        self.num_dropped += 1

    def _first_path(self) -> Path:
        return self._files.next_path()

    def _checked(self, path: Path) -> None:
        path.unlink()

    def _is_over(self, file: VideoFile, frame: Frame) -> bool:
        # A hair's breadth for times that were rounded in a container.
        now = frame.pts_seconds + 1e-6
        return now - file.start_seconds >= self._segment_seconds or self._size != _size(frame)

    def _begin(self, frame: Frame) -> VideoFile:
        self._path = self._files.next_path()
        self._size = _size(frame)
        file = self._new_file(self._path, frame, frame.pts_seconds)
        self._files.prune()
        return file

    def _recover_from(self, error: SinkError) -> None:
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
        except SinkError as second:
            error.__context__ = second
        if self._path is not None and self._path.exists() and not self._path.stat().st_size:
            self._path.unlink()
        if not self._header.get("live"):
            raise error
        self._recovery.note_failure(error)


def _size(frame: Frame) -> tuple[int, ...]:
    return frame.image_rgb.shape[:2]
