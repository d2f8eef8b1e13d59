"""A ``vidcache run`` in a process of its own whose results are read while it writes them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcache.video.closing import Closing

__all__ = ["SeenRecord", "WatchedRun"]

_PROGRAM = "from vidcache.cli import main; main()"


@dataclass(frozen=True)
class SeenRecord:
    """One line of results.

    Attributes:
        record: The JSON object.
        time: When the line was seen in the file (seconds since the epoch).
    """

    record: Mapping[str, Any]
    time: float

    @property
    def kind(self) -> str:
        """``header``, ``frame``, ``event``, ``discontinuity`` or ``end``."""
        return str(self.record["type"])


class WatchedRun(Closing):
    """Runs the program on several sources at once and follows its JSONL files.

    Args:
        sources: What is watched.
        folder: Where the results go: one file a source, and what it says in ``stderr.txt``.
        options: Further arguments of the command line.
        poll_seconds: How often the files are looked at: a line is seen that much late at most.
        program: What Python runs, before the arguments of the command line.
    """

    def __init__(
        self,
        sources: Sequence[str],
        folder: Path,
        options: Sequence[str] = (),
        *,
        poll_seconds: float = 0.02,
        program: Sequence[str] = ("-c", _PROGRAM),
    ) -> None:
        self._folder = folder
        self._poll_seconds = poll_seconds
        self._read_bytes: dict[Path, int] = {}
        self._records: dict[Path, list[SeenRecord]] = {}
        self._changed = threading.Condition()
        self._ended = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        # A single source names a file, several name a folder.
        target = folder if len(sources) > 1 else folder / "results.jsonl"
        command = [sys.executable, *program, "run", *sources, "--jsonl", str(target)]
        with (folder / "stderr.txt").open("wb") as errors:
            self._process = subprocess.Popen(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, "VIDCACHE_OFFLINE": "1"},
            )
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None

    @property
    def errors(self) -> str:
        """What it has said on its standard error so far."""
        return (self._folder / "stderr.txt").read_text(errors="replace")

    def records(self, source: str) -> list[SeenRecord]:
        """The records of a source so far; its header says which file is whose."""
        with self._changed:
            for found in self._records.values():
                if found and found[0].record.get("source") == source:
                    return list(found)
        return []

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for something about the records to become true.

        Raises:
            TimeoutError: It did not, or the process ended without it.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0 or not self.alive:
                state = "still runs" if self.alive else f"ended with {self._process.returncode}"
                raise TimeoutError(f"{what}: not so after {seconds:g} s; it {state}: {self.errors}")
            with self._changed:
                self._changed.wait(min(left, 0.5))

    def wait_for_frames(self, source: str, count: int, *, since: float = 0.0) -> None:
        """Wait until so many good frames (not tainted) of a source came in after a moment.

        Args:
            source: Whose frames.
            count: How many.
            since: Only those that arrived later than this (seconds since the epoch).
        """

        def came() -> bool:
            left = count
            # From the newest back: it is asked again with every new line.
            for seen in reversed(self.records(source)):
                if seen.kind == "frame":
                    if left == 0 or seen.record["time"] <= since:
                        break
                    left -= "tainted" not in seen.record["flags"]
            return left == 0

        self.wait_until(came, 120.0, f"{count} frames of {source}")

    def wait_until_well(self, source: str, seconds: float) -> None:
        """Wait until a source has given pictures for so long without a disconnect."""

        def is_well() -> bool:
            records = self.records(source)
            gaps = [seen.time for seen in records if seen.kind == "discontinuity"]
            lost = max(gaps, default=0.0)
            frames = [seen.time for seen in records if seen.kind == "frame" and seen.time > lost]
            return bool(frames) and time.time() - frames[0] >= seconds

        self.wait_until(is_well, 120.0, f"{seconds:g} good seconds of {source}")

    def stop(self) -> int:
        """Interrupt it as Ctrl-C does, and read its results to the end; the exit code."""
        if self.alive:
            self._process.send_signal(signal.SIGINT)
        code = self._process.wait(60)
        self._ended.set()
        self._follower.join()
        return code

    def close(self) -> None:
        """Kill it if it still runs. Closing twice is fine."""
        self._process.kill()
        self._process.wait()
        self._ended.set()
        self._follower.join()

    def _follow(self) -> None:
        last = False
        while not last:
            last = self._ended.wait(self._poll_seconds)
            if any([self._read_on(path) for path in sorted(self._folder.glob("*.jsonl"))]):
                with self._changed:
                    self._changed.notify_all()

    def _read_on(self, path: Path) -> bool:
        """Take the whole lines that were added to a file; whether there were any."""
        begin = self._read_bytes.get(path, 0)
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            if file.seek(0, os.SEEK_END) <= begin:
                return False
            file.seek(begin)
            lines = file.read()
            now = time.time()
            whole = lines[: lines.rfind(b"\n") + 1]
            found = [SeenRecord(json.loads(line), now) for line in whole.splitlines()]
            self._read_bytes[path] = begin + len(whole)
            with self._changed:
                self._records.setdefault(path, []).extend(found)
            return bool(found)
        return False
