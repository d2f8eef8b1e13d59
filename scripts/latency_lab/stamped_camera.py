"""The stamped camera as an RTSP server in a process of its own."""

import subprocess
import sys
from pathlib import Path

from fault_lab.ports import free_port

from vidcache.video.closing import Closing

__all__ = ["StampedCamera"]

_PROGRAM = Path(__file__).with_name("serve_stamped.py")


class StampedCamera(Closing):
    """Makes, encodes (H.264) and serves pictures from its making to its closing.

    Args:
        graph: What `stamped_graph` gave.
        rate: Pictures a second.
    """

    host = "127.0.0.1"

    def __init__(self, graph: str, rate: int) -> None:
        self.port = free_port()
        self._process = subprocess.Popen(
            [sys.executable, str(_PROGRAM), graph, str(rate), str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            _, said = self._process.communicate()
            last = said.decode(errors="replace").strip().splitlines() or ["nothing"]
            raise RuntimeError(f"the camera did not start on port {self.port}: {last[-1]}")

    @property
    def url(self) -> str:
        """Its address."""
        return f"rtsp://{self.host}:{self.port}/camera.mp4?play_count=0"

    def close(self) -> None:
        """Kill it. Closing twice is fine."""
        self._process.kill()
        self._process.communicate()
