"""Cutting what an RTSP server sends over TCP into its answers and its packets."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["InterleavedParser", "MediaPacket"]

_HEADER = struct.Struct("!cBH")
_RTP_HEADER = struct.Struct("!BBHI")
_RTP_HEADER_BYTES = 12
_LENGTH = re.compile(rb"(?i)\r\ncontent-length:\s*(\d+)")
_VIDEO = re.compile(rb"m=video \d+ RTP/AVP (\d+)")


@dataclass(frozen=True)
class MediaPacket:
    """One RTP or RTCP packet: ``$``, channel, length, data.

    Attributes:
        channel: Number of the channel; RTP is on even ones, RTCP on odd ones.
        data: The packet, its own header included.
    """

    channel: int
    data: bytes

    @property
    def payload_type(self) -> int:
        """What kind of data it is, by the number that the server announced."""
        return self.data[1] & 0x7F

    @property
    def sequence(self) -> int:
        """Its number, modulo 2^16."""
        return int(_RTP_HEADER.unpack_from(self.data)[2])

    @property
    def timestamp(self) -> int:
        """The time of its picture, in units of the stream (90 kHz), modulo 2^32."""
        return int(_RTP_HEADER.unpack_from(self.data)[3])

    @property
    def payload_begin(self) -> int:
        """Where in `data` the header ends."""
        return min(_RTP_HEADER_BYTES + 4 * (self.data[0] & 0x0F), len(self.data))

    def with_timestamp(self, timestamp: int) -> "MediaPacket":
        """The same packet at another time."""
        stamp = struct.pack("!I", timestamp & 0xFFFFFFFF)
        return MediaPacket(self.channel, self.data[:4] + stamp + self.data[8:])

    def to_bytes(self) -> bytes:
        """As it goes over the wire."""
        return _HEADER.pack(b"$", self.channel, len(self.data)) + self.data


class InterleavedParser:
    """Takes bytes as they come and gives whole pieces: an answer as bytes, or a `MediaPacket`.

    Attributes:
        video_payload_type: What the server announced as video; None until it has.
    """

    def __init__(self) -> None:
        self.video_payload_type: int | None = None
        self._buffer = bytearray()

    def is_video(self, packet: MediaPacket) -> bool:
        """True for a packet with a piece of a picture."""
        is_rtp = packet.channel % 2 == 0 and len(packet.data) > _RTP_HEADER_BYTES
        return is_rtp and packet.payload_type == self.video_payload_type

    def feed(self, data: bytes) -> Iterator[bytes | MediaPacket]:
        """The pieces that these bytes complete."""
        self._buffer += data
        while True:
            piece = self._packet() if self._buffer.startswith(b"$") else self._answer()
            if piece is None:
                return
            yield piece

    def _packet(self) -> MediaPacket | None:
        if len(self._buffer) < _HEADER.size:
            return None
        _, channel, length = _HEADER.unpack_from(self._buffer)
        body = self._take(_HEADER.size + length)
        return None if body is None else MediaPacket(channel, body[_HEADER.size :])

    def _answer(self) -> bytes | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = _LENGTH.search(self._buffer[: end + 2])
        answer = self._take(end + 4 + (int(length[1]) if length else 0))
        if answer is not None and (announced := _VIDEO.search(answer)):
            self.video_payload_type = int(announced[1])
        return answer

    def _take(self, size: int) -> bytes | None:
        if len(self._buffer) < size:
            return None
        piece = bytes(self._buffer[:size])
        del self._buffer[:size]
        return piece
