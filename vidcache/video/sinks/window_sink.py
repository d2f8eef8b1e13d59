"""A live window with the annotated frames."""

import os
import subprocess
import sys
from typing import Any, Literal

from vidcache.errors import MissingExtraError, SinkError
from vidcache.frames import Discontinuity, Frame, FrameResult
from vidcache.video.closing import Closing
from vidcache.video.sinks.overlay import Overlay

__all__ = ["WindowSink"]

_ESCAPE = 27
_PROBE = "import cv2; cv2.namedWindow('vidcache'); cv2.destroyAllWindows()"


class WindowSink(Closing):
    """Shows the frames in a window as they are done.

    ``q``, Escape or closing the window sets `closed`; whoever writes should then stop.

    Args:
        title: Title of the window; by default the source.
        overlay: What draws on the frames. ``"auto"`` draws with the labels of the header; None
            shows the frames as they are.
    """

    def __init__(
        self, title: str | None = None, *, overlay: Overlay | Literal["auto"] | None = "auto"
    ) -> None:
        self._title = title
        self._overlay = overlay
        self._cv2: Any = None
        self._opened = False
        self._finished = False

    @property
    def closed(self) -> bool:
        """True once its user has closed it, or it was closed."""
        return self._finished

    def open(self, header: dict[str, Any]) -> None:
        """Check that there is a display. See `Sink.open`.

        Raises:
            SinkError: There is no display, or this OpenCV cannot show windows.
        """
        try:
            import cv2
        except ImportError as error:
            raise MissingExtraError("opencv-python", "run", "show a window") from error
        _require_display()
        self._cv2 = cv2
        self._title = self._title or f"vidcache: {header.get('source', 'video')}"
        if self._overlay == "auto":
            self._overlay = Overlay(header.get("labels", ()))

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Show one frame. See `Sink.write`."""
        if self._cv2 is None:
            raise SinkError("the window is not open: call open(header) before write")
        if self._finished:
            return
        overlay = self._overlay if isinstance(self._overlay, Overlay) else None
        image = frame.image_rgb if overlay is None else overlay.draw(frame, result)
        cv2, title = self._cv2, self._title
        try:
            if not self._opened:
                cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
                cv2.resizeWindow(title, image.shape[1], image.shape[0])
                self._opened = True
            elif cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
                self._finished = True
                return
            cv2.imshow(title, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            self._finished = cv2.waitKey(1) & 0xFF in (_ESCAPE, ord("q"))
        except cv2.error as error:
            self._finished = True
            raise SinkError(f"cannot show frames in a window any more: {error.err}") from error

    def announce(self, discontinuity: Discontinuity) -> None:
        """Nothing: the last frame stays until the next one comes. See `Sink.announce`."""

    def close(self, end: dict[str, Any] | None = None) -> None:
        """Close the window. See `Sink.close`."""
        self._finished = True
        if self._opened:
            self._opened = False
            try:
                self._cv2.destroyWindow(self._title)
            except self._cv2.error:
                # Its user has closed it already.
                return


def _require_display() -> None:
    """Open a window in another process first: where it cannot, OpenCV ends the whole program."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        raise SinkError(
            "cannot show a window: there is no display (DISPLAY is not set); write a video instead"
        )
    try:
        probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, timeout=30)
        works = probe.returncode == 0
    except subprocess.TimeoutExpired:
        works = False
    if not works:
        where = os.environ.get("DISPLAY", "")
        raise SinkError(
            f"cannot show a window: the display{f' {where!r}' if where else ''} does not answer, "
            "or this OpenCV has no windows (opencv-python-headless); write a video instead"
        )
