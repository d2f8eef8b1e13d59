"""A server that takes connections and never says a word."""

import socket

from fault_lab.ports import free_port
from vidcache.video.closing import Closing

__all__ = ["SilentServer"]

_BACKLOG = 128


class SilentServer(Closing):
    """Listens from its making to its closing; the system completes every connection.

    Args:
        port: Where to listen; None for any free port.

    Example:
        >>> import socket
        >>> with SilentServer() as server:
        ...     socket.create_connection((server.host, server.port), timeout=5).close()
    """

    host = "127.0.0.1"

    def __init__(self, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self._socket = socket.create_server((self.host, self.port), backlog=_BACKLOG)

    def url(self, path: str = "camera.mp4", scheme: str = "rtsp") -> str:
        """An address on this server."""
        return f"{scheme}://{self.host}:{self.port}/{path}"

    def close(self) -> None:
        """Let go of the port and of everybody who is still waiting. Closing twice is fine."""
        self._socket.close()
