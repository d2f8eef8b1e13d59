"""Events to an MQTT broker."""

import contextlib
import logging
import os
import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from vidcache.errors import ConfigError, MissingExtraError
from vidcache.video.sinks.delivery import Delivery, UndeliveredError
from vidcache.video.sinks.event_messages import EventMessages
from vidcache.video.sinks.message_sink import MessageSink
from vidcache.video.sinks.receiver_url import parse_receiver_url
from vidcache.video.sinks.records import json_line

if TYPE_CHECKING:
    from paho.mqtt.client import MQTTMessageInfo

__all__ = ["MqttSink"]

_log = logging.getLogger(__name__)

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_DEFAULT_PREFIX = "vidcache"
# Where messages go by their type; the others are events.
_TOPICS = {"discontinuity": "discontinuities", "labels": "labels"}


class MqttSink(MessageSink):
    """Publishes events and discontinuities as JSON (see `EventMessages`) with QoS 1.

    Of a source called ``door``, and with the prefix ``vidcache``: events go to
    ``vidcache/door/events``, discontinuities to ``vidcache/door/discontinuities``, and labels that
    were changed for others to ``vidcache/door/labels``; the retained ``vidcache/door/status`` is
    ``online`` while the source is watched, else ``offline``, which
    the broker itself says, by a last will, when the program is gone. While the broker is away
    messages wait, and are published in their order when it is back; now and then one arrives
    twice, which its ``id`` tells.

    Args:
        url: The broker, ``mqtt://user:password@host:1883/prefix`` or ``mqtts://…`` for TLS. Port
            and prefix may be left out. Nothing shows the password.
        name: What the source is called in topics and messages; None for what the header calls
            it. Characters that mean something in a topic become ``_``.
        timeout: Seconds without the broker's answer after which a message has failed.
        update_seconds: How often an action that goes on is told of again; None for never.
        spool: Folder in which messages wait while the broker is away, also for the next run;
            None keeps them in memory, at most a thousand.
        spool_bytes: How much room they take there at most.
        retry_seconds: About how long to wait after a first failure, and at most.
        close_seconds: How long closing tries to get rid of what is left.

    Raises:
        ConfigError: The URL or a number cannot be used.
        SinkError: The spool cannot be used.
        MissingExtraError: paho-mqtt is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str | None = None,
        timeout: float = 5.0,
        update_seconds: float | None = None,
        spool: str | os.PathLike[str] | None = None,
        spool_bytes: int = 50_000_000,
        retry_seconds: tuple[float, float] = (1.0, 60.0),
        close_seconds: float = 5.0,
    ) -> None:
        messages = EventMessages(name, update_seconds=update_seconds)
        transport = _Publisher(url, messages, timeout, retry_seconds)
        super().__init__(
            "mqtt",
            messages,
            transport,
            spool=spool,
            spool_bytes=spool_bytes,
            retry_seconds=retry_seconds,
            close_seconds=close_seconds,
        )


class _Publisher:
    """Publishes one message at a time, and waits until the broker has it."""

    def __init__(
        self,
        url: str,
        messages: EventMessages,
        timeout: float,
        retry_seconds: tuple[float, float],
    ) -> None:
        try:
            from paho.mqtt import client as library
        except ImportError as error:
            raise MissingExtraError("paho-mqtt", "mqtt", "publish to an MQTT broker") from error
        self._library: Any = library
        self._address = parse_receiver_url(url, tuple(_PORTS))
        self.shown = self._address.shown
        if not timeout > 0:
            raise ConfigError(f"a time-out of {timeout:g} s: expected more than 0")
        self._prefix = unquote(self._address.parts.path).strip("/") or _DEFAULT_PREFIX
        if set("#+") & set(self._prefix):
            raise ConfigError(f"the broker {self.shown!r}: the prefix must not have # or + in it")
        self._messages = messages
        self._timeout = timeout
        self._retry_seconds = retry_seconds
        self._client: Any = None
        self._problem = "it has not answered yet"
        self._told = ""
        # What was handed to the client, which goes on trying by itself: never to be handed twice.
        self._pending: tuple[str, MQTTMessageInfo] | None = None

    def connect(self, delivery: Delivery) -> None:
        client = self._library.Client(
            self._library.CallbackAPIVersion.VERSION2,
            client_id=f"vidcache-{uuid.uuid4().hex[:12]}",
        )
        address = self._address
        if address.user is not None:
            client.username_pw_set(address.user, address.password)
        scheme = address.parts.scheme
        if scheme == "mqtts":
            client.tls_set()
        client.connect_timeout = self._timeout
        first, longest = self._retry_seconds
        client.reconnect_delay_set(max(1, round(first)), max(1, round(longest)))
        client.will_set(self._topic("status"), "offline", qos=1, retain=True)

        def on_connect_fail(_client: Any, _data: Any) -> None:
            self._tell("it cannot be reached")

        def on_connect(client: Any, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
            if code.is_failure:
                self._tell(f"the broker refused: {code}")
                return
            self._told = ""
            client.publish(self._topic("status"), "online", qos=1, retain=True)
            delivery.hurry()

        def on_disconnect(_client: Any, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
            self._problem = f"the connection is lost: {code}"

        client.on_connect_fail = on_connect_fail
        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.connect_async(address.host, address.port or _PORTS[scheme], keepalive=30)
        client.loop_start()
        self._client = client

    def send(self, message: dict[str, Any]) -> None:
        client = self._client
        number = str(message.get("id", ""))
        if client is None or not client.is_connected():
            raise UndeliveredError(self._problem)
        if self._pending is None or self._pending[0] != number:
            kind = _TOPICS.get(str(message.get("type")), "events")
            payload = json_line(message).encode()
            self._pending = (number, client.publish(self._topic(kind), payload, qos=1))
        info = self._pending[1]
        try:
            info.wait_for_publish(self._timeout)
            arrived = info.is_published()
        except (RuntimeError, ValueError) as error:
            self._pending = None
            raise UndeliveredError(str(error)) from error
        if not arrived:
            raise UndeliveredError(f"no answer for {self._timeout:g} s")
        self._pending = None

    def disconnect(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        if client.is_connected():
            # A clean goodbye takes back the last will, so it has to be said.
            info = client.publish(self._topic("status"), "offline", qos=1, retain=True)
            with contextlib.suppress(RuntimeError, ValueError):
                info.wait_for_publish(min(1.0, self._timeout))
        client.disconnect()
        client.loop_stop()

    def _tell(self, problem: str) -> None:
        """Log a problem once: a source may have nothing to say for hours before it shows."""
        if problem != self._told:
            _log.warning("%s: %s; trying again until it works", self.shown, problem)
        self._problem = self._told = problem

    def _topic(self, last: str) -> str:
        name = re.sub(r"[/+#\s\x00-\x1f]+", "_", self._messages.source).strip("_") or "video"
        return f"{self._prefix}/{name}/{last}"
