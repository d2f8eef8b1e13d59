"""The URL of somebody who is sent messages."""

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from vidcache.errors import ConfigError
from vidcache.video.locations import hide_credentials

__all__ = ["ReceiverUrl", "parse_receiver_url"]


@dataclass(frozen=True)
class ReceiverUrl:
    """A URL in its parts.

    Attributes:
        parts: What `urllib.parse` makes of it.
        host: Name or number of the machine.
        port: The port; None for the usual one.
        user: The user, decoded; None if there is none.
        password: The password, decoded; None if there is none.
        shown: The URL for messages and logs, credentials hidden.
    """

    parts: SplitResult
    host: str
    port: int | None
    user: str | None
    password: str | None
    shown: str

    def __repr__(self) -> str:
        return f"ReceiverUrl({self.shown!r})"


def parse_receiver_url(url: str, schemes: tuple[str, ...]) -> ReceiverUrl:
    """Take a URL apart.

    Args:
        url: The URL.
        schemes: What it may begin with, such as ``http``.

    Raises:
        ConfigError: It is not such a URL. The message shows nothing that may be a password.

    Example:
        >>> parse_receiver_url("mqtt://me:p%40ss@broker:1884/home", ("mqtt", "mqtts"))
        ReceiverUrl('mqtt://***@broker:1884/home')
    """
    expected = " or ".join(f"{scheme}://HOST" for scheme in schemes)
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
    except ValueError as error:
        # A password with a slash in it looks like a host, and what is hidden is guesswork.
        raise ConfigError(
            f"a URL that cannot be understood: expected {expected}; in user and password write "
            "special characters as %XX"
        ) from error
    shown = hide_credentials(url)
    if parts.scheme not in schemes or not host:
        raise ConfigError(f"the URL {shown!r}: expected {expected}")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return ReceiverUrl(parts, host, port, user, password, shown)
