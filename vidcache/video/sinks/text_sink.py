"""What all outputs of lines of text share: the file, its errors, and that each frame is flushed."""

import os
import sys
import threading
from abc import ABC, abstractmethod
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TextIO

from vidcache.errors import SinkError
from vidcache.frames import Discontinuity, Frame, FrameResult
from vidcache.video.closing import Closing

__all__ = ["TextSink"]

# Outputs of several sources may share the standard output, each from a thread of its own.
_STDOUT_LOCK = threading.Lock()


class TextSink(Closing, ABC):
    """A sink that writes text, handed to the system frame by frame.

    What it writes for a frame goes out in one piece, so whoever reads along, and whoever finds the
    file after a crash, sees whole frames but for a last one that was being written.

    Args:
        path: The file, which is replaced if it exists; ``-`` for standard output.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._name = os.fspath(path)
        self._file: TextIO | None = None
        self._finished = False
        self._num_bytes = 0

    @property
    def num_bytes(self) -> int:
        """Bytes written so far."""
        return self._num_bytes

    @property
    def closed(self) -> bool:
        """True once it takes no more results."""
        return self._finished

    def open(self, header: dict[str, Any]) -> None:
        """Open the file and write its beginning. See `Sink.open`."""
        try:
            self._file = _open_stdout() if self._name == "-" else _open_file(self._name)
        except OSError as error:
            raise SinkError(
                f"cannot write results to '{self._name}': {error.strerror or error}"
            ) from error
        self._put(self._opening(header))

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Write what there is to say of one frame. See `Sink.write`."""
        self._put(self._of_frame(result))

    def announce(self, discontinuity: Discontinuity) -> None:
        """Write what there is to say of a lost camera, at once. See `Sink.announce`."""
        self._put(self._of_gap(discontinuity))

    def close(self, end: dict[str, Any] | None = None) -> None:
        """Write the end, if the output has one, and close the file. See `Sink.close`."""
        if self._finished:
            return
        try:
            if self._file is not None:
                self._put(self._closing(end))
        finally:
            self._finished = True
            file, self._file = self._file, None
            if file is not None and file is not sys.stdout:
                file.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"

    @abstractmethod
    def _opening(self, header: dict[str, Any]) -> str:
        """What the file begins with."""

    @abstractmethod
    def _of_frame(self, result: FrameResult) -> str:
        """The lines of one frame; may be none."""

    def _of_gap(self, discontinuity: Discontinuity) -> str:
        """The lines of an announced discontinuity."""
        return ""

    def _closing(self, end: dict[str, Any] | None) -> str:
        """What the file ends with; ``end`` is None if it was cut short."""
        return ""

    def _put(self, text: str) -> None:
        if self._file is None:
            raise SinkError(f"'{self._name}' is not open: call open(header) before write")
        if not text:
            return
        try:
            with _STDOUT_LOCK if self._name == "-" else nullcontext():
                self._file.write(text)
                self._file.flush()
            self._num_bytes += len(text.encode())
        except OSError as error:
            self._abandon()
            what = (
                "whoever was reading them has gone"
                if isinstance(error, BrokenPipeError)
                else (error.strerror or str(error))
            )
            raise SinkError(f"cannot write results to '{self._name}': {what}") from error

    def _abandon(self) -> None:
        """Let go of a file that takes no more, without its buffer failing again on the way."""
        file, self._file = self._file, None
        self._finished = True
        if file is not None and file is not sys.stdout:
            try:
                file.close()
            except OSError:
                return


def _open_file(name: str) -> TextIO:
    return Path(name).open("w", encoding="utf-8", newline="")


def _open_stdout() -> TextIO:
    """Standard output on a descriptor of its own.

    So a reader that goes away (``| head``) fails here, once, and not again when Python exits.
    """
    sys.stdout.flush()
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except (OSError, ValueError):
        return sys.stdout
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
