# pyright: basic
"""What libav says about damage while it decodes, told apart by the thread that it says it on."""

import logging
import re
import threading
from types import TracebackType
from typing import Any

from vidcache.errors import MissingExtraError

__all__ = ["TALKATIVE", "DecoderLog"]

_RAISED_BY = 25

TALKATIVE = {"log_level_offset": str(-_RAISED_BY)}
"""Options of a decoder that let its lowest messages be heard, at 2 of them a picture of H.264.

A lost picture, whose followers then refer to a wrong one, is nothing but a "Frame num gap" there.
libav's levels are multiples of 8: what is not one was raised.
"""

# Said below the level of an error, and yet something is missing.
_DAMAGE = re.compile(
    r"missed|corrupt|mismatch|continuity|lost|dropp|undecodable|truncat|conceal|frame num gap"
    r"|parse header",
    re.IGNORECASE,
)
# Said at the level of an error, and yet no pixel is wrong: side information, which cameras often
# write badly in every frame.
_HARMLESS = re.compile(r"\bSEI\b|\bVUI\b|timestamp|\b[DP]TS\b|time ?base|aspect ratio")
# They repeat a transfer that failed, or end it; what is missing then, the demuxer says.
_TRANSPORTS = frozenset({"crypto", "dash", "hls", "http", "https", "tcp", "tls"})

_lock = threading.Lock()


class DecoderLog:
    """Collects what libav logs on the thread that enters the ``with`` block.

    A damaged picture is often decoded without an error code, a flag on the picture or an
    exception: the decoder only logs. PyAV knows which Python thread a message was logged on, so a
    decoder without threads of its own (``thread_count=1``) can be heard alone.

    Raises:
        MissingExtraError: PyAV is not installed.
    """

    def __init__(self) -> None:
        try:
            from av import logging as av_logging
        except ImportError as error:
            raise MissingExtraError("av", "run", "read video") from error

        self._error_level = av_logging.ERROR
        self._capture = av_logging.Capture(local=True)
        self._messages: list[tuple[int, str, str]] = []
        _listen(av_logging)

    def __enter__(self) -> "DecoderLog":
        self._messages = self._capture.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._capture.__exit__(None, None, None)

    def clear(self) -> None:
        """Forget what was said so far."""
        self._messages.clear()

    def take_damage(self) -> bool:
        """Whether damage was reported since the last call or `clear`."""
        damaged = any(self._is_damage(*message) for message in self._messages)
        self._messages.clear()
        return damaged

    def _is_damage(self, level: int, speaker: str, text: str) -> bool:
        if speaker in _TRANSPORTS:
            return False
        if level % 8:
            level += _RAISED_BY
        if level <= self._error_level:
            return _HARMLESS.search(text) is None
        return _DAMAGE.search(text) is not None


def _listen(av_logging: Any) -> None:
    """Make libav's messages heard, without one of them reaching stderr."""
    with _lock:
        level = av_logging.get_level()
        if level is None or level < av_logging.WARNING:
            av_logging.set_level(av_logging.WARNING)
        # PyAV compares a message with the one before it, whoever said that: the same damage in two
        # cameras would be heard once.
        av_logging.set_skip_repeated(False)
        logger = logging.getLogger("libav")
        if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            logger.addHandler(logging.NullHandler())
