"""Events by HTTP POST."""

import base64
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlunsplit

from vidcache.errors import ConfigError
from vidcache.video.sinks.delivery import Delivery, UndeliveredError, UnwantedError
from vidcache.video.sinks.event_messages import EventMessages
from vidcache.video.sinks.message_sink import MessageSink
from vidcache.video.sinks.receiver_url import parse_receiver_url
from vidcache.video.sinks.records import json_line

__all__ = ["WebhookSink"]

# These say that the message itself is at fault. Every other answer may change with time: a path
# that is missing or forbidden while a server is being set up, too many requests, an error.
_FAULTY_MESSAGE = frozenset({400, 405, 406, 409, 411, 413, 414, 415, 422, 431})
_LONGEST_RETRY_AFTER = 600.0


class WebhookSink(MessageSink):
    """Posts a JSON object for each event and each discontinuity (see `EventMessages`).

    The header ``Idempotency-Key`` holds the ``id`` of the message: one that arrives twice, because
    an answer was lost, can be told. Any answer 2xx counts as delivered. While there is none, or
    the server has an error, is not ready or redirects, messages wait and are sent again in their
    order; an answer that calls the message itself faulty (400, 409, 413, 415, 422, …) drops it.

    Args:
        url: Where to, ``http://…`` or ``https://…``; a user and password in it are sent as basic
            authorization. Nothing shows them.
        name: What the source is called in messages; None for what the header calls it.
        headers: Further headers, such as ``Authorization``.
        timeout: Seconds without an answer after which a request has failed.
        update_seconds: How often an action that goes on is told of again; None for never.
        spool: Folder in which messages wait while the server is away, also for the next run; None
            keeps them in memory, at most a thousand.
        spool_bytes: How much room they take there at most.
        retry_seconds: About how long to wait after a first failure, and at most.
        close_seconds: How long closing tries to get rid of what is left.

    Raises:
        ConfigError: The URL or a number cannot be used.
        SinkError: The spool cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5.0,
        update_seconds: float | None = None,
        spool: str | os.PathLike[str] | None = None,
        spool_bytes: int = 50_000_000,
        retry_seconds: tuple[float, float] = (1.0, 60.0),
        close_seconds: float = 5.0,
    ) -> None:
        transport = _Poster(url, dict(headers or {}), timeout)
        messages = EventMessages(name, update_seconds=update_seconds)
        super().__init__(
            "webhook",
            messages,
            transport,
            spool=spool,
            spool_bytes=spool_bytes,
            retry_seconds=retry_seconds,
            close_seconds=close_seconds,
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its message, and look delivered."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class _Poster:
    """Posts one message at a time."""

    def __init__(self, url: str, headers: dict[str, str], timeout: float) -> None:
        address = parse_receiver_url(url, ("http", "https"))
        self.shown = address.shown
        if not timeout > 0:
            raise ConfigError(f"a time-out of {timeout:g} s: expected more than 0")
        parts = address.parts
        self._url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self._headers = {"Content-Type": "application/json", "User-Agent": "vidcache"}
        if address.user is not None:
            login = f"{address.user}:{address.password or ''}"
            code = base64.b64encode(login.encode()).decode()
            self._headers["Authorization"] = f"Basic {code}"
        self._headers |= headers
        self._timeout = timeout
        self._opener = urllib.request.build_opener(_NoRedirects)

    def connect(self, delivery: Delivery) -> None:
        """Nothing: each message has a request of its own."""

    def disconnect(self) -> None:
        """Nothing."""

    def send(self, message: dict[str, Any]) -> None:
        request = urllib.request.Request(
            self._url,
            data=json_line(message).encode(),
            headers={**self._headers, "Idempotency-Key": str(message.get("id", ""))},
            method="POST",
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                answer.read(1)
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"the answer was {error.code} {error.reason}"
            if error.code in _FAULTY_MESSAGE:
                raise UnwantedError(reason) from error
            raise UndeliveredError(reason, _retry_after(error)) from error
        except TimeoutError as error:
            raise UndeliveredError(f"no answer for {self._timeout:g} s") from error
        except (OSError, HTTPException) as error:
            raise UndeliveredError(_reason(error, self._timeout)) from error


def _reason(error: Exception, timeout: float) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return f"no answer for {timeout:g} s"
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _retry_after(error: urllib.error.HTTPError) -> float:
    """Seconds that the server wants to be left alone; 0 if it says nothing, or names a date."""
    try:
        return min(max(0.0, float(error.headers.get("Retry-After", ""))), _LONGEST_RETRY_AFTER)
    except ValueError:
        return 0.0
