"""Exceptions of vidcache.

::

    VidcacheError
    ├── ConfigError            a setting that cannot be used (unknown key, wrong value)
    ├── InputError             a tensor or an array of the wrong shape, type or content
    │   └── DataError          a mistake in a data set
    ├── StateError             a stream's state that does not fit the head or the call
    │   ├── FingerprintError   a saved state or model that belongs to other weights
    │   └── PoolFullError      a stream that finds no free block in its pool
    ├── ModelError             a model that cannot be found, fetched or read
    ├── SourceError            a video source that cannot be opened or read
    ├── SinkError              an output that cannot be written
    └── MissingExtraError      an optional dependency that is not installed

Every message is one line that says what was given, what was expected and what to do.
"""

from typing import Literal

__all__ = [
    "ConfigError",
    "DataError",
    "FingerprintError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "PoolFullError",
    "SinkError",
    "SourceError",
    "StateError",
    "VidcacheError",
]


class VidcacheError(Exception):
    """Base of every error that vidcache raises on purpose."""


class ConfigError(VidcacheError):
    """A setting that cannot be used: an unknown key, a value out of range."""


class InputError(VidcacheError, ValueError):
    """A tensor, array or argument of the wrong shape, type or content."""


class DataError(InputError):
    """A mistake in a data set; the message names the file and the line."""


class StateError(VidcacheError, RuntimeError):
    """A stream's state that does not fit the head, the batch or the call."""


class FingerprintError(StateError):
    """A saved state or model that belongs to other weights or settings."""


class PoolFullError(StateError):
    """A stream that finds no free block in its pool."""


class ModelError(VidcacheError):
    """A model that cannot be found, fetched or read."""


class SourceError(VidcacheError, OSError):
    """A video source that cannot be opened or read.

    Args:
        message: What failed, why, and what to do.
        reason: Why alone, for a line that names the source already; by default the message.
        retry: Whether it may work later: ``soon`` (a network that is down), ``slowly`` (a server
            that refuses) or ``never`` (an address that means nothing).
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        retry: Literal["soon", "slowly", "never"] = "soon",
    ) -> None:
        super().__init__(message)
        self.reason = reason or message
        self.retry: Literal["soon", "slowly", "never"] = retry


class SinkError(VidcacheError, OSError):
    """An output that cannot be opened or written."""


class MissingExtraError(VidcacheError, ImportError):
    """An optional dependency that is not installed.

    Args:
        package: The package that could not be imported.
        extra: The extra of vidcache that installs it.
        purpose: What it is needed for, as the end of "needed to …".
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"the package {package!r} is needed to {purpose}, but it is not installed: "
            f"pip install 'vidcache[{extra}]'"
        )
