"""Ctrl-C and SIGTERM end a run in order; a second one ends it at once."""

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

from vidcache.cli.exit_codes import EXIT_INTERRUPTED

__all__ = ["Interrupt", "catch_interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Whether somebody asked the command to end, and what is to be done about it.

    Attributes:
        requested: Whether a signal has come.
        on_request: Called once, when the first signal comes.
    """

    def __init__(self) -> None:
        self.requested = False
        self.on_request: Callable[[], None] | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self.requested:
            # Not sys.exit: that would wait for the very work that is to be left.
            os._exit(EXIT_INTERRUPTED)
        self.requested = True
        if self.on_request is None:
            raise KeyboardInterrupt
        self.on_request()


@contextmanager
def catch_interrupts() -> Generator[Interrupt]:
    """Watches for Ctrl-C and SIGTERM while the block runs.

    While `Interrupt.on_request` is None, as during loading, the first signal raises
    `KeyboardInterrupt` where the program stands.
    """
    interrupt = Interrupt()
    before = {number: signal.signal(number, interrupt.handle) for number in _SIGNALS}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
