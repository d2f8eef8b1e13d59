"""The cable between a camera and its viewer, which can be shaken, blocked, cut and pulled."""

import contextlib
import socket
import threading
from collections.abc import Callable, Generator

from fault_lab.damage import Damage, DamagedPacket, Damager
from fault_lab.interleaved import InterleavedParser, MediaPacket
from fault_lab.ports import free_port
from vidcache.video.closing import Closing

__all__ = ["FaultyLink"]

_CLOCK_RATE = 90_000
_CHUNK_BYTES = 65_536


class FaultyLink(Closing):
    """A TCP proxy in front of an RTSP server that understands where packets begin and end.

    Whatever it does to packets, the words of the protocol pass as they are, so that a client stays
    connected. Clients may come one after the other, or several at once.

    Args:
        server_port: Port of the server on this machine. It need not listen yet.
        port: Where clients find the link; None for any free port.

    Example:
        >>> with FaultyLink(server_port=free_port()) as link:
        ...     link.refuse()
        ...     link.accept()
    """

    host = "127.0.0.1"

    def __init__(self, server_port: int, *, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self._server_port = server_port
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._damager: Damager | None = None
        self._hits: list[DamagedPacket] = []
        self._shift_ticks = 0
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.num_connections = 0
        self.accept()

    def url(self, name: str, *, times: int = 0) -> str:
        """The address of a video of the server, through the link. See `RtspServer.url`."""
        return f"rtsp://{self.host}:{self.port}/{name}?play_count={times}"

    @property
    def damaged(self) -> tuple[DamagedPacket, ...]:
        """Every packet that was hit so far, in order."""
        with self._lock:
            current = [] if self._damager is None else self._damager.hits
            return (*self._hits, *current)

    def begin(self, damage: Damage) -> None:
        """Damage the video from the next packet on."""
        self.end()
        with self._lock:
            self._damager = Damager(damage)

    def end(self) -> None:
        """Let packets pass unharmed again."""
        with self._lock:
            if self._damager is not None:
                self._hits += self._damager.hits
            self._damager = None

    def shift_timestamps(self, seconds: float) -> None:
        """Move the times of all further video packets: a camera whose clock was set anew."""
        with self._lock:
            self._shift_ticks += round(seconds * _CLOCK_RATE)

    def stall(self) -> None:
        """Forward nothing; connections stay open and new ones are taken."""
        self._flowing.clear()

    def flow(self) -> None:
        """Forward again, what was held up first."""
        self._flowing.set()

    def cut(self) -> None:
        """Close every connection there is. A client may come again at once."""
        with self._lock:
            victims = list(self._open)
        _hang_up(*victims)

    def refuse(self) -> None:
        """Take no more connections; those that are open go on. Refusing twice is fine."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone would not wake the thread that waits for clients.
            _hang_up(listener)
            listener.close()

    def accept(self) -> None:
        """Take connections (again)."""
        if self._listener is None:
            self._listener = socket.create_server((self.host, self.port), backlog=16)
            self._start(self._take_clients, self._listener)

    def close(self) -> None:
        """Refuse and cut for good. Closing twice is fine."""
        self.refuse()
        self.cut()
        self._flowing.set()

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        return thread

    def _take_clients(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.num_connections += 1
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        """Connect a client through: one thread a direction, this one towards the client."""
        with client, self._cuttable(client):
            # Held up like everything else: who comes now reaches the server later.
            self._flowing.wait()
            try:
                server = socket.create_connection((self.host, self._server_port), 10)
            except OSError:
                return
            server.settimeout(None)
            with server, self._cuttable(server):
                back = self._start(self._pass_on, client, server)
                self._pass_packets(server, client)
                _hang_up(client, server)
                back.join()

    def _pass_packets(self, server: socket.socket, client: socket.socket) -> None:
        parser = InterleavedParser()
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK_BYTES):
                for piece in parser.feed(data):
                    if isinstance(piece, bytes):
                        passed = piece
                    else:
                        packet = self._treat(piece) if parser.is_video(piece) else piece
                        passed = b"" if packet is None else packet.to_bytes()
                    self._flowing.wait()
                    client.sendall(passed)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK_BYTES):
                self._flowing.wait()
                server.sendall(data)
        _hang_up(client, server)

    def _treat(self, packet: MediaPacket) -> MediaPacket | None:
        with self._lock:
            if self._shift_ticks:
                packet = packet.with_timestamp(packet.timestamp + self._shift_ticks)
            return packet if self._damager is None else self._damager.apply(packet)

    @contextlib.contextmanager
    def _cuttable(self, end: socket.socket) -> Generator[None]:
        with self._lock:
            self._open.add(end)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(end)


def _hang_up(*ends: socket.socket) -> None:
    """Say that nothing more comes; it wakes whoever waits for more."""
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
