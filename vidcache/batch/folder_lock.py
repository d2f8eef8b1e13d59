"""One run at a time in a batch's folder, or one a shard."""

import errno
import os
from pathlib import Path

from vidcache.batch.inputs import Shard
from vidcache.errors import SinkError
from vidcache.video.closing import Closing

__all__ = ["FolderLock"]

_NO_LOCKS_HERE = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}


class FolderLock(Closing):
    """Keeps a second run out of a folder while the block runs, and lets other shards in.

    The lock goes with the process, however that ends. Where the system or the file system has no
    locks, there are none: two runs at once then do work twice, but never spoil an output.

    Args:
        folder: The batch's folder.
        shard: The part of the batch that this run does.

    Raises:
        SinkError: On entering, if another run has it, or the folder cannot be written.
    """

    def __init__(self, folder: Path, shard: Shard) -> None:
        self._folder = folder
        self._shard = shard
        self._descriptors: list[int] = []

    def __enter__(self) -> "FolderLock":
        try:
            if self._shard.count == 1:
                self._lock(".lock", shared=False)
            else:
                self._lock(".lock", shared=True)
                self._lock(f".lock.{self._shard.tag}", shared=False)
        except BaseException:
            self.close()
            raise
        return self

    def _lock(self, name: str, *, shared: bool) -> None:
        try:
            import fcntl
        except ImportError:
            return
        path = self._folder / name
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise SinkError(f"cannot write in '{self._folder}': {error.strerror}") from error
        self._descriptors.append(descriptor)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SinkError(
                f"another batch is writing to '{self._folder}': wait for it, give another --out, "
                "or give each of them a --shard i/N of its own"
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS_HERE:
                raise SinkError(f"cannot lock '{path}': {error.strerror}") from error

    def close(self) -> None:
        """Lets the folder go."""
        while self._descriptors:
            os.close(self._descriptors.pop())
