"""How much memory a process holds over time, as the system says."""

import threading
import time
from pathlib import Path

import numpy as np

__all__ = ["MemoryWatch"]


class MemoryWatch:
    """Reads how much memory a process holds, every second until it is gone or `stop` is called."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._stopped = threading.Event()
        self._begin = time.monotonic()
        self._seconds: list[float] = []
        self._mib: list[float] = []
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def mean_mib(self, begin: float, end: float) -> float:
        """Mean of the samples from one second of the run to another."""
        seconds, mib = np.array(self._seconds), np.array(self._mib)
        return float(mib[(seconds >= begin) & (seconds <= end)].mean())

    def stop(self) -> None:
        """Sample no more."""
        self._stopped.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stopped.wait(1.0):
            try:
                lines = self._status.read_text().splitlines()
            except OSError:
                return
            resident = [line for line in lines if line.startswith("VmRSS:")]
            if not resident:
                return
            self._seconds.append(time.monotonic() - self._begin)
            self._mib.append(int(resident[0].split()[1]) / 1024)
