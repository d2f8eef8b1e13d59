"""Ports that stay free while nobody listens on them."""

import random
import socket

__all__ = ["free_port"]

# Below the range that outgoing connections take their ports from: a client that knocks again and
# again at a dead port of that range may in the end be connected to itself.
_RANGE = (20_000, 32_000)


def free_port() -> int:
    """A port of this machine that nobody listens on, and that a restarted server finds again."""
    while True:
        port = random.SystemRandom().randrange(*_RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
