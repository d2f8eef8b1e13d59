"""Ctrl-C and SIGTERM end a run in order; a second one ends it at once."""

import os
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

from vidcache.cli.exit_codes import EXIT_INTERRUPTED

__all__ = ["Interrupt", "catch_interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# `timeout` and others signal the process and then its group: that is one request, not two.
_SAME_REQUEST_SECONDS = 0.25


class Interrupt:
    """Whether somebody asked the command to end, and what is to be done about it.

    Attributes:
        requested: Whether a signal has come.
        on_request: Called once, when the first signal comes.
    """

    def __init__(self) -> None:
        self.requested = False
        self._first_time = 0.0
        self.on_request: Callable[[], None] | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        now = time.monotonic()
        if self.requested and now - self._first_time < _SAME_REQUEST_SECONDS:
            return
        if self.requested:
            # Not sys.exit: that would wait for the very work that is to be left.
            os._exit(EXIT_INTERRUPTED)
        self.requested = True
        self._first_time = now
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
        # Once asked to end, the program is ending: a later signal must not find other handlers.
        if not interrupt.requested:
            for number, handler in before.items():
                signal.signal(number, handler)
