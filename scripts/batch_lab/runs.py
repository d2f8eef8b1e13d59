# pyright: basic
"""Starting ``vidcache batch``, waiting for a moment in it, and killing it or one of its workers."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

__all__ = ["BatchRun", "count_lines", "run_command"]

_DROPPED = "-dac_override,-dac_read_search"


class BatchRun:
    """A batch in a process group of its own, killed when the block ends.

    The superuser may read every file; as him, the program runs without that right, so that a file
    without permission is one.

    Args:
        arguments: What stands behind ``vidcache batch``.
        log: File for what it says.
    """

    def __init__(self, arguments: Sequence[str | Path], log: Path) -> None:
        self._log = log
        self._file = log.open("ab")
        self.process = subprocess.Popen(
            [*without_superuser(), *vidcache(), "batch", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=self._file,
            start_new_session=True,
            env=dict(os.environ, VIDCACHE_OFFLINE="1"),
        )

    def __enter__(self) -> "BatchRun":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 600.0) -> bool:
        """Waits for a condition; False if the batch ended first.

        Raises:
            TimeoutError: If neither comes.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                return condition()
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing came of it: {self._log.read_text()[-2000:]}")
            time.sleep(0.02)
        return True

    def wait(self, seconds: float = 1800.0) -> int:
        """Waits for the end and returns the exit code."""
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL for the whole group, as a crash of the machine would end it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._file.close()

    def workers(self) -> list[int]:
        """Process ids of the workers: spawned processes, or Ray's actors."""
        return [
            pid
            for pid, command in _descendants(self.process.pid)
            if re.search(r"spawn_main|^ray::_Actor", command)
        ]

    def worker_seconds(self) -> float:
        """Processor time that the workers have used so far, all together."""
        ticks = 0
        for pid in self.workers():
            fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def kill_worker(self) -> int:
        """SIGKILL for one worker; returns its process id."""
        pid = self.workers()[0]
        os.kill(pid, signal.SIGKILL)
        return pid


def run_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs another command of vidcache to its end, with the same rights."""
    return subprocess.run(
        [*without_superuser(), *vidcache(), *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=dict(os.environ, VIDCACHE_OFFLINE="1"),
        check=False,
    )


def count_lines(path: Path) -> int:
    """Whole lines of a file; 0 if there is none."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def vidcache() -> list[str]:
    """The command, with this interpreter."""
    return [sys.executable, "-c", "from vidcache.cli import main; main()"]


def without_superuser() -> list[str]:
    """What makes the superuser obey permissions.

    Raises:
        RuntimeError: If that cannot be had here.
    """
    if os.name == "nt" or os.geteuid() != 0:
        return []
    program = shutil.which("setpriv")
    if program is None:
        raise RuntimeError("the superuser needs setpriv (util-linux) to be denied a file")
    return [program, "--bounding-set", _DROPPED, "--inh-caps", _DROPPED]


def _descendants(pid: int) -> Iterator[tuple[int, str]]:
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    while found:
        for child in parents.get(found.pop(), []):
            found.append(child)
            try:
                command = (Path("/proc") / str(child) / "cmdline").read_bytes()
            except OSError:
                continue
            yield child, command.replace(b"\0", b" ").decode(errors="replace")
