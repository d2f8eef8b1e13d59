"""A real broker in a process of its own, which notes every message that it takes."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from sink_input import HEADER, make_frame, make_result

from vidcache.errors import ConfigError
from vidcache.frames import Discontinuity, Event
from vidcache.video.sinks import MqttSink

pytest.importorskip("paho.mqtt.client", reason="needs the extra 'mqtt'")
pytest.importorskip("amqtt", reason="needs the extra 'dev'")

LIVE = {**HEADER, "live": True}
QUICK = {"retry_seconds": (0.05, 0.5), "timeout": 2.0}

_BROKER = """
import asyncio, json, sys
from amqtt.broker import Broker
from amqtt.plugins.base import BasePlugin

class Recorder(BasePlugin):
    async def on_broker_message_received(self, *, client_id, message):
        with open(sys.argv[2], "a") as file:
            file.write(json.dumps([message.topic, bytes(message.data).decode()]) + "\\n")

async def main():
    broker = Broker({
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}},
        "plugins": {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
            "__main__.Recorder": {},
        },
    })
    await broker.start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class BrokerProcess:
    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.taken = folder / "taken.jsonl"
        self.taken.touch()
        self._process = None

    def start(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BROKER, str(self.port), str(self.taken)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}/home/cameras"

    def messages(self, topic):
        """What came on a topic, each message once, in the order in which it first came."""
        lines = self.taken.read_text().splitlines()
        return list(dict.fromkeys(text for place, text in map(json.loads, lines) if place == topic))

    def frames(self, topic="home/cameras/door/events"):
        return [json.loads(text)["frame"] for text in self.messages(topic)]

    def retained(self, topic):
        """What somebody who subscribes now gets at once, each message once.

        The broker acknowledges a message before it hands it on: who subscribes in between gets it
        twice.
        """
        from paho.mqtt.client import CallbackAPIVersion, Client

        got = []
        arrived = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2)
        client.on_connect = lambda *_: client.subscribe(topic, 1)
        client.on_message = lambda _c, _d, message: (
            got.append((message.payload.decode(), bool(message.retain))),
            arrived.set(),
        )
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        arrived.wait(5)
        client.disconnect()
        client.loop_stop()
        return list(dict.fromkeys(got))


@pytest.fixture
def broker(tmp_path):
    broker = BrokerProcess(tmp_path)
    yield broker
    broker.kill()


def send(sink, indices):
    for index in indices:
        event = Event("start" if index % 2 == 0 else "end", "walk", index, index / 25)
        sink.write(make_frame(index), make_result(index, events=(event,)))


def wait_until(condition, seconds=40):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def test_events_and_status_are_published_under_the_name_of_the_source(broker):
    broker.start()
    with MqttSink(broker.url, name="front/door #1", **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(3))
        sink.announce(Discontinuity("disconnect", 3, 0.1, "no answer", 9.0))
        topic = "home/cameras/front_door_1"
        wait_until(lambda: broker.messages(f"{topic}/discontinuities"))
        wait_until(lambda: broker.retained(f"{topic}/status") == [("online", True)])
        sink.close({"events": [Event("end", "walk", 3, 0.12)]})
    assert broker.frames(f"{topic}/events") == [0, 1, 2, 3]
    (told,) = map(json.loads, broker.messages(f"{topic}/discontinuities"))
    assert (told["reason"], told["source"]) == ("disconnect", "front/door #1")
    assert broker.retained(f"{topic}/status") == [("offline", True)]
    assert sink.num_dropped == 0


def test_messages_wait_for_a_broker_that_is_killed_and_started_again(broker, tmp_path):
    spool = tmp_path / "spool"
    broker.start()
    with MqttSink(broker.url, name="door", spool=spool, **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(3))
        wait_until(lambda: broker.frames() == [0, 1, 2])
        broker.kill()
        send(sink, range(3, 40))
        wait_until(lambda: sum(len(p.read_text().splitlines()) for p in spool.iterdir()) >= 36)
        broker.start()
        send(sink, range(40, 45))
        wait_until(lambda: len(broker.frames()) == 45)
        wait_until(lambda: broker.retained("home/cameras/door/status") == [("online", True)])
    assert broker.frames() == list(range(45))
    assert list(spool.iterdir()) == []
    assert sink.num_dropped == 0


def test_a_broker_that_is_away_at_the_start_is_met_later(broker):
    with MqttSink(broker.url, name="door", **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(5))
        broker.start()
        wait_until(lambda: len(broker.frames()) == 5)
    assert broker.frames() == list(range(5))


def test_a_broker_that_freezes_loses_nothing(broker, caplog):
    broker.start()
    with MqttSink(broker.url, name="door", retry_seconds=(0.05, 0.5), timeout=0.3) as sink:
        sink.open(dict(LIVE))
        send(sink, range(2))
        wait_until(lambda: len(broker.frames()) == 2)
        broker.signal(signal.SIGSTOP)
        send(sink, range(2, 6))
        wait_until(lambda: "no answer for 0.3 s" in caplog.text)
        broker.signal(signal.SIGCONT)
        wait_until(lambda: len(broker.frames()) == 6)
    assert broker.frames() == list(range(6))


_WATCH_FOR_EVER = """
import sys, threading
from vidcache.video.sinks import MqttSink
sink = MqttSink(sys.argv[1], name="door")
sink.open({"source": "camera", "live": True})
threading.Event().wait()
"""


def test_a_program_that_is_killed_is_offline(broker):
    broker.start()
    process = subprocess.Popen([sys.executable, "-c", _WATCH_FOR_EVER, broker.url])
    try:
        wait_until(lambda: broker.retained("home/cameras/door/status") == [("online", True)])
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: broker.retained("home/cameras/door/status") == [("offline", True)])


def test_a_broker_that_cannot_be_reached_is_told_of_once_though_there_is_nothing_to_say(
    broker, caplog
):
    with MqttSink(broker.url, **QUICK) as sink:
        sink.open(dict(LIVE))
        wait_until(lambda: "it cannot be reached; trying again" in caplog.text)
        broker.start()
        wait_until(lambda: broker.retained("home/cameras/camera.mp4/status"))
    assert caplog.text.count("cannot be reached") == 1


def test_closing_does_not_wait_for_a_broker_that_is_not_there(broker, caplog):
    sink = MqttSink(broker.url.replace("//", "//me:secret@"), close_seconds=0.1, **QUICK)
    sink.open(dict(LIVE))
    send(sink, range(10))
    wait_until(lambda: "messages wait" in caplog.text)
    sink.close({})
    assert sink.num_dropped == 10
    assert "secret" not in caplog.text
    assert not [thread for thread in threading.enumerate() if "secret" in thread.name]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://me:secret@host", "expected mqtt://HOST"),
        ("mqtt:///prefix", "expected mqtt://HOST"),
        ("mqtt://me:secret@host/a/%23", "must not have # or \\+"),
    ],
)
def test_what_is_no_broker_is_refused(url, message):
    with pytest.raises(ConfigError, match=message) as caught:
        MqttSink(url)
    assert "secret" not in str(caught.value)
