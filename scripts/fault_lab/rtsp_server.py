"""A camera: an RTSP server in a process of its own, which can be killed and frozen."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from fault_lab.ports import free_port
from vidcache.video.closing import Closing

__all__ = ["RtspServer"]

_START_SECONDS = 60.0

# It ends with the process that started it: that one's end of the pipe closes. Its log goes
# nowhere, or a pipe that nobody reads would fill up.
_PROGRAM = """
import asyncio, os, sys, threading
from aio_rtsp_toolkit.server import RtspServer

async def serve():
    server = RtspServer(sys.argv[1], host="127.0.0.1", port=int(sys.argv[2]))
    out, sys.stdout = sys.stdout, open(os.devnull, "w")
    await server.start()
    print("ready", file=out, flush=True)
    await server.serve_forever()

threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
asyncio.run(serve())
"""


class RtspServer(Closing):
    """Serves H.264 files over RTSP (over TCP), at their own speed and looped for ever.

    The server of the package ``aio-rtsp-toolkit``; every client sees a file from its beginning.
    It runs from its making to its closing, unless it is killed in between.

    Args:
        videos: What is served: path on the server, ending in ``.mp4`` or ``.mkv``, and the file.
        port: Where to listen; None for any free port.
        running: False for a camera that is still off; `start` turns it on.

    Example:
        >>> with RtspServer({}, running=False) as server:
        ...     server.url("door.mp4").startswith("rtsp://127.0.0.1:")
        True
    """

    host = "127.0.0.1"

    def __init__(
        self, videos: dict[str, Path], *, port: int | None = None, running: bool = True
    ) -> None:
        self.port = free_port() if port is None else port
        self._folder = Path(tempfile.mkdtemp(prefix="rtsp-server-"))
        self._process: subprocess.Popen[bytes] | None = None
        try:
            for name, path in videos.items():
                self.put(name, path)
            if running:
                self.start()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int | None:
        """The process that serves; None while there is none."""
        return None if self._process is None else self._process.pid

    def url(self, name: str, *, user: str = "", times: int = 0) -> str:
        """The address of a video.

        Args:
            name: Its path on the server; one that the server does not have is answered with 404.
            user: ``name:password`` to put in the address.
            times: How often it is played before the camera hangs up; 0 for ever.
        """
        account = f"{user}@" if user else ""
        return f"rtsp://{account}{self.host}:{self.port}/{name}?play_count={times}"

    def put(self, name: str, path: Path) -> None:
        """Serve a file under a name from the next client on; it replaces one of that name."""
        fresh = self._folder / f"{name}.new"
        shutil.copyfile(path, fresh)
        fresh.replace(self._folder / name)

    def remove(self, name: str) -> None:
        """Answer 404 to the next client that asks for this name."""
        (self._folder / name).unlink()

    def start(self) -> None:
        """Start serving, on the same port as ever. Returns once it takes connections."""
        if self._process is not None:
            raise RuntimeError("the server is running already")
        command = [sys.executable, "-c", _PROGRAM, str(self._folder), str(self.port)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            self.kill()
            raise RuntimeError(f"the RTSP server did not start on port {self.port}")
        socket.create_connection((self.host, self.port), _START_SECONDS).close()

    def kill(self) -> None:
        """SIGKILL: the process is gone, its connections are reset. Killing twice is fine."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and the system still takes new ones; no data comes."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on, and sends what it has missed all at once."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill the process and delete its copies. Closing twice is fine."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        if self._process is None:
            raise RuntimeError("the server is not running")
        os.kill(self._process.pid, number)
