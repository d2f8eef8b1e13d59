"""Damage to a chosen share of the packets of a stream, the same for the same seed."""

import random
import time
from dataclasses import dataclass
from typing import Literal

from fault_lab.interleaved import MediaPacket

__all__ = ["Damage", "DamagedPacket", "Damager", "flip_bits"]


@dataclass(frozen=True)
class Damage:
    """What is done to a stream.

    Attributes:
        share: Part of the video's packets that is hit, 0 to 1.
        kind: ``flip`` turns bits anywhere in the payload; ``drop`` loses the packet.
        bits: How many bits are turned in a packet that is hit.
        seed: Which packets and which bits: the same seed hits the same ones.
    """

    share: float
    kind: Literal["flip", "drop"] = "flip"
    bits: int = 8
    seed: int = 0


@dataclass(frozen=True)
class DamagedPacket:
    """One packet that was hit.

    Attributes:
        sequence: Its RTP number.
        timestamp: The RTP time of its picture.
        time: When it was hit (seconds since the epoch).
    """

    sequence: int
    timestamp: int
    time: float


class Damager:
    """Does the damage, packet by packet.

    Args:
        damage: What to do.

    Attributes:
        hits: The packets that were hit so far.
    """

    def __init__(self, damage: Damage) -> None:
        self.hits: list[DamagedPacket] = []
        self._damage = damage
        self._random = random.Random(damage.seed)

    def apply(self, packet: MediaPacket) -> MediaPacket | None:
        """The packet as it arrives; None if it does not."""
        if self._random.random() >= self._damage.share:
            return packet
        self.hits.append(DamagedPacket(packet.sequence, packet.timestamp, time.time()))
        if self._damage.kind == "drop":
            return None
        begin = packet.payload_begin
        body = flip_bits(packet.data[begin:], self._damage.bits, self._random)
        return MediaPacket(packet.channel, packet.data[:begin] + body)


def flip_bits(data: bytes, count: int, generator: random.Random) -> bytes:
    """The data with ``count`` bits turned, at places that the generator chooses."""
    turned = bytearray(data)
    for _ in range(count if data else 0):
        turned[generator.randrange(len(turned))] ^= 1 << generator.randrange(8)
    return bytes(turned)
