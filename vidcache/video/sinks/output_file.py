"""A file for libav to write to that never lets it see a failure."""

import io
import os
from pathlib import Path

__all__ = ["OutputFile"]


class OutputFile:
    """An unbuffered file that keeps its first failure to itself.

    libav's MP4 muxer may crash the whole program when it is used after a failed write, even if
    only to be closed. So after a failure everything is taken and nothing written: what reached
    the disk before stays as it was, and `error` says what happened.

    Args:
        path: The file, which is replaced if it exists.

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file: io.FileIO | None = io.FileIO(path, "w")
        self._position = 0
        self._size = 0
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all of the data, or note that it could not be."""
        view = memoryview(data)
        try:
            while view and self._file is not None and self.error is None:
                view = view[self._file.write(view) or 0 :]
        except OSError as error:
            self.error = error
        self._position += len(data)
        self._size = max(self._size, self._position)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the file; gives it, counted from the start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        try:
            if self._file is not None and self.error is None:
                self._file.seek(self._position)
        except OSError as error:
            self.error = error
        return self._position

    def tell(self) -> int:
        """The place in the file at which the next write goes."""
        return self._position

    def close(self) -> None:
        """Close the file. Later writes go nowhere."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                self.error = self.error or error
