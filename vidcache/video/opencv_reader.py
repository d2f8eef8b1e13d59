# pyright: basic
"""Reading cameras, and files on request, with OpenCV."""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import MissingExtraError, SourceError
from vidcache.frames import Frame
from vidcache.video.failures import explain_failure
from vidcache.video.locations import Location
from vidcache.video.reading import ReadOptions, StreamInfo, TimedFrame
from vidcache.video.timestamps import PresentationClock

__all__ = ["OpencvReader"]

_DEFAULT_RATE = 25.0


class OpencvReader:
    """Reads one source with OpenCV.

    A camera's frames carry the time of their arrival; a file's, the times of its container as far
    as OpenCV tells them. OpenCV neither reports damage nor tells the end of a file from an error.

    Args:
        location: What to open.
        options: How to read it.
    """

    def __init__(self, location: Location, options: ReadOptions) -> None:
        self._location = location
        self._options = options
        self.info: StreamInfo | None = None
        self.truncated = False
        self.num_skipped = 0

    def frames(self, stopped: Callable[[], bool]) -> Iterator[TimedFrame]:
        """Open the source and yield its frames. See `Reader.frames`."""
        capture = self._open()
        try:
            yield from self._frames(capture, stopped)
        finally:
            capture.release()

    def _frames(self, capture: Any, stopped: Callable[[], bool]) -> Iterator[TimedFrame]:
        import cv2

        camera = self._location.kind == "camera"
        live = camera or self._location.kind == "network"
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        rate = rate if math.isfinite(rate) and rate > 0 else _DEFAULT_RATE
        clock = PresentationClock(rate)
        index = 0
        while not stopped():
            ok, image_bgr = capture.read()
            if not ok:
                break
            arrival = time.monotonic()
            milliseconds = float(capture.get(cv2.CAP_PROP_POS_MSEC))
            known = math.isfinite(milliseconds) and (milliseconds > 0 or index == 0)
            pts_seconds, flags = clock.next(
                arrival if camera else milliseconds / 1000 if known else None,
                arrival if live else None,
            )
            image = self._to_rgb(image_bgr)
            if self.info is None:
                self.info = self._describe(capture, image, rate, live)
            frame = Frame(image, index, pts_seconds, time.time() if live else None, flags)
            yield TimedFrame(frame, clock.gauge.due(pts_seconds) if live else None)
            index += 1
        if stopped():
            return
        if index == 0:
            raise SourceError(f"'{self._location.shown}' gave not one picture")
        if camera:
            raise SourceError(f"the camera '{self._location.shown}' stopped: it was unplugged?")

    def _open(self) -> Any:
        # OpenCV's own libav writes to stderr unless told otherwise before it starts.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        try:
            import cv2
        except ImportError as error:
            raise MissingExtraError("opencv-python", "run", "read cameras") from error

        _silence(cv2)
        location = self._location
        if location.kind == "lavfi":
            raise SourceError(
                f"OpenCV cannot open '{location.shown}': use the backend 'pyav'", retry="never"
            )
        if location.kind == "camera":
            return self._open_camera(cv2)
        if location.kind == "file":
            self._check_file()
        # OpenCV takes its RTSP transport from the environment, whatever is passed to it.
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        timeouts = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(self._options.open_timeout * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(self._options.read_timeout * 1000)),
        ]
        capture = cv2.VideoCapture(location.address, cv2.CAP_FFMPEG, timeouts)
        if capture.isOpened() and _codec(capture) != "ansi":
            return capture
        capture.release()
        if location.kind == "file":
            raise explain_failure(ValueError(), location, self._options.open_timeout)
        raise SourceError(
            f"OpenCV cannot open '{location.shown}': it does not answer, or with no video "
            "(the backend 'pyav' says more)"
        )

    def _open_camera(self, cv2: Any) -> Any:
        number = self._location.camera_number
        if not self._camera_exists():
            raise explain_failure(FileNotFoundError(), self._location, self._options.open_timeout)
        capture = cv2.VideoCapture(self._location.address if number is None else number)
        if not capture.isOpened():
            capture.release()
            raise SourceError(
                f"cannot open the camera '{self._location.shown}': it is in use, or you are not "
                "allowed to use it (on Linux: join the group 'video')"
            )
        if self._options.camera_size is not None:
            width, height = self._options.camera_size
            # Most USB cameras give large pictures at full rate only as JPEG.
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        if self._options.camera_rate is not None:
            capture.set(cv2.CAP_PROP_FPS, self._options.camera_rate)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture

    def _camera_exists(self) -> bool:
        number = self._location.camera_number
        device = Path(self._location.address if number is None else f"/dev/video{number}")
        return device.exists() or not sys.platform.startswith("linux")

    def _check_file(self) -> None:
        path = Path(self._location.address)
        try:
            if path.is_dir():
                raise IsADirectoryError
            with path.open("rb") as file:
                file.read(1)
        except OSError as error:
            raise explain_failure(error, self._location, self._options.open_timeout) from error

    def _to_rgb(self, image_bgr: Any) -> NDArray[np.uint8]:
        import cv2

        height, width = image_bgr.shape[:2]
        size = self._options.fit(width, height)
        if size != (width, height):
            image_bgr = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB), np.uint8)

    def _describe(
        self, capture: Any, image: NDArray[np.uint8], rate: float, live: bool
    ) -> StreamInfo:
        import cv2

        count = 0 if live else int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        return StreamInfo(
            size=(image.shape[1], image.shape[0]),
            frame_rate=rate,
            is_live=live,
            num_frames_estimate=count if count > 0 else None,
            duration_seconds=count / rate if count > 0 else None,
            start_seconds=0.0,
            codec=_codec(capture),
            backend="opencv",
        )


def _codec(capture: Any) -> str:
    """Four letters; text that libav would play as a teletype is ``ansi``."""
    import cv2

    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    return code.to_bytes(4, "little", signed=code < 0).decode("latin-1").strip("\0 ")


def _silence(cv2: Any) -> None:
    """Keep OpenCV's warnings off stderr: they say less than the errors raised here."""
    if hasattr(cv2, "setLogLevel"):
        cv2.setLogLevel(0)
    else:
        # OpenCV 5 has moved it.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
