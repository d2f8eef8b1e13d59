"""One annotated video file: frames with their results in, H.264 with the source's times out."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vidcache.frames import Frame, FrameResult
from vidcache.video.sinks.mp4_writer import Mp4Writer
from vidcache.video.sinks.overlay import Overlay

__all__ = ["FrameDrawer", "VideoFile", "VideoQuality"]

_DEFAULT_RATE = 25.0
# The end is believed if the last frame then lasts at most this many usual frames.
_LONGEST_LAST_FRAME = 8.0


@dataclass(frozen=True)
class VideoQuality:
    """How frames are encoded.

    Attributes:
        crf: Quality, 0 (lossless, huge) to 51 (worst).
        preset: Speed of the encoder, in the names of x264.
    """

    crf: int = 23
    preset: str = "veryfast"


class FrameDrawer:
    """Draws on the frames of one run, and counts the time of that and of the encoding.

    Args:
        overlay: What draws; ``"auto"`` draws with the labels of the header; None leaves the
            frames as they are.
        header: The header of the run.
    """

    def __init__(self, overlay: Overlay | Literal["auto"] | None, header: Mapping[str, Any]):
        self._overlay = Overlay(header.get("labels", ())) if overlay == "auto" else overlay
        self.stage_times: dict[str, tuple[float, int]] = {}

    def draw(self, frame: Frame, result: FrameResult) -> Any:
        """The picture that is encoded, RGB."""
        if self._overlay is None:
            return frame.image_rgb
        start = time.perf_counter()
        image = self._overlay.draw(frame, result)
        self.count("draw", time.perf_counter() - start)
        return image

    def count(self, stage: str, seconds: float) -> None:
        """Add the time of one frame in a stage."""
        total, num_frames = self.stage_times.get(stage, (0.0, 0))
        self.stage_times[stage] = (total + seconds, num_frames + 1)


class VideoFile:
    """One file, from its first frame on.

    Args:
        path: The file, which is replaced if it exists.
        first: The first frame: its size is the video's, its time what counts as the start.
        start_seconds: Presentation time of the source that is second 0 of the file.
        frame_rate: Frames a second as a hint to the encoder; 0 for unknown.
        quality: How frames are encoded.

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        first: Frame,
        *,
        start_seconds: float,
        frame_rate: float,
        quality: VideoQuality,
    ) -> None:
        height, width = first.image_rgb.shape[:2]
        self.start_seconds = start_seconds
        self._rate = frame_rate or _DEFAULT_RATE
        self._writer = Mp4Writer(
            path, (width, height), self._rate, crf=quality.crf, preset=quality.preset
        )
        self._last_seconds = start_seconds
        self._step = 0.0

    def write(self, frame: Frame, result: FrameResult, drawer: FrameDrawer) -> None:
        """Draw on a frame and add it."""
        image = drawer.draw(frame, result)
        start = time.perf_counter()
        self._writer.write(image, frame.pts_seconds - self.start_seconds)
        drawer.count("write", time.perf_counter() - start)
        self._step = max(self._step * 0.9, frame.pts_seconds - self._last_seconds)
        self._last_seconds = frame.pts_seconds

    def close(self, until_seconds: float | None = None) -> None:
        """Finish the file.

        Args:
            until_seconds: Presentation time of the source until which the last frame is shown.
                None, or a time too far away to be believed: as long as the one before it.
        """
        end = None
        if until_seconds is not None:
            wait = until_seconds - self._last_seconds
            if 0 < wait <= _LONGEST_LAST_FRAME * (self._step or 1 / self._rate):
                end = until_seconds - self.start_seconds
        self._writer.close(end)
