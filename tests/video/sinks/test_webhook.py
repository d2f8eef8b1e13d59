import base64
import contextlib
import http.server
import json
import logging
import socket
import threading
import time

import pytest
from sink_input import HEADER, make_frame, make_result

from vidcache.errors import ConfigError, SinkError
from vidcache.frames import Discontinuity, Event
from vidcache.video.sinks import WebhookSink

LIVE = {**HEADER, "live": True}
QUICK = {"retry_seconds": (0.05, 0.2), "timeout": 2.0}


class Receiver:
    """A real HTTP server that can be stopped and started again on the same port."""

    def __init__(self):
        self.messages = []
        self.headers = []
        self.changed = threading.Condition()
        self.answers = []
        self.port = 0
        self._server = None

    def start(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format, *args):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = receiver.answers.pop(0) if receiver.answers else 204
                if status < 300:
                    with receiver.changed:
                        receiver.messages.append(body)
                        receiver.headers.append(dict(self.headers))
                        receiver.changed.notify_all()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.messages) >= count, 30), self.messages

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def frames(self):
        return [message["frame"] for message in self.messages]


@pytest.fixture
def receiver():
    receiver = Receiver()
    receiver.start()
    yield receiver
    receiver.stop()


def send(sink, indices):
    for index in indices:
        event = Event("start" if index % 2 == 0 else "end", "walk", index, index / 25)
        sink.write(make_frame(index), make_result(index, events=(event,)))


def test_events_and_lost_cameras_arrive_as_json_in_their_order(receiver):
    with WebhookSink(receiver.url, name="door", **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(3))
        sink.write(make_frame(3), make_result(3))
        sink.announce(Discontinuity("disconnect", 4, 0.12, "no answer", 9.0))
        sink.close({"events": [Event("end", "walk", 4, 0.16)]})
    kinds = [message.get("kind", message["type"]) for message in receiver.messages]
    assert kinds == ["start", "end", "start", "discontinuity", "end"]
    assert {message["source"] for message in receiver.messages} == {"door"}
    for message, headers in zip(receiver.messages, receiver.headers, strict=True):
        assert headers["Idempotency-Key"] == message["id"]
        assert headers["Content-Type"] == "application/json"
    assert sink.num_dropped == 0


def test_messages_wait_in_memory_while_the_server_is_away(receiver):
    with WebhookSink(receiver.url, **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(5))
        receiver.wait_for(5)
        receiver.stop()
        send(sink, range(5, 10))
        receiver.start()
        receiver.wait_for(10)
        send(sink, range(10, 12))
        receiver.wait_for(12)
    assert receiver.frames == list(range(12))
    assert len({message["id"] for message in receiver.messages}) == 12


def test_messages_wait_on_disk_and_come_in_order_before_new_ones(receiver, tmp_path):
    spool = tmp_path / "spool"
    with WebhookSink(receiver.url, spool=spool, **QUICK) as sink:
        sink.open(dict(LIVE))
        receiver.stop()
        send(sink, range(50))
        wait_until(lambda: lines_in(spool) == 50)
        receiver.start()
        send(sink, range(50, 60))
        receiver.wait_for(60)
    assert receiver.frames == list(range(60))
    assert list(spool.iterdir()) == []


def test_what_was_not_delivered_is_delivered_by_the_next_run(receiver, tmp_path, caplog):
    spool = tmp_path / "spool"
    receiver.stop()
    with WebhookSink(receiver.url, spool=spool, close_seconds=0.1, **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(20))
    assert lines_in(spool) == 20
    assert "20 messages wait for the next run" in caplog.text
    assert sink.num_dropped == 0
    receiver.start()
    with WebhookSink(receiver.url, spool=spool, **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(20, 22))
        receiver.wait_for(22)
    assert receiver.frames == list(range(22))


def test_a_spool_that_is_full_loses_the_oldest_and_counts_them(receiver, tmp_path):
    receiver.stop()
    spool = tmp_path / "spool"
    with WebhookSink(receiver.url, spool=spool, spool_bytes=8_000, **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(200))
        wait_until(lambda: newest_frame_in(spool) == 199)
        kept = lines_in(spool)
        assert kept + sink.num_dropped == 200
        receiver.start()
        receiver.wait_for(kept)
    assert receiver.frames == list(range(200 - kept, 200))


def test_memory_is_bounded_and_losses_are_counted(receiver):
    receiver.stop()
    sink = WebhookSink(receiver.url, close_seconds=0.1, **QUICK)
    sink.open(dict(LIVE))
    send(sink, range(1500))
    assert 490 <= sink.num_dropped <= 500
    sink.close({})
    assert sink.num_dropped == 1500


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500, 503])
def test_a_message_is_sent_again_after_an_answer_that_may_change(receiver, status):
    receiver.answers = [status, status]
    with WebhookSink(receiver.url, **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(3))
        receiver.wait_for(3)
    assert receiver.frames == [0, 1, 2]
    assert sink.num_dropped == 0


def test_a_message_that_is_faulty_to_the_server_does_not_stop_the_others(receiver, caplog):
    receiver.answers = [204, 422]
    with WebhookSink(receiver.url, **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(4))
        receiver.wait_for(3)
    assert receiver.frames == [0, 2, 3]
    assert sink.num_dropped == 1
    assert "a message was refused: the answer was 422" in caplog.text


def test_a_server_that_says_nothing_holds_up_neither_frames_nor_the_end():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        sink = WebhookSink(url, timeout=60.0, close_seconds=0.1)
        sink.open(dict(LIVE))
        start = time.monotonic()
        send(sink, range(500))
        sink.close({})
        # A minute would pass if anything waited for the answer.
        assert time.monotonic() - start < 60
    assert sink.num_dropped == 500


def test_the_log_tells_once_that_it_is_away_and_once_that_it_is_back(receiver, caplog):
    caplog.set_level(logging.INFO)
    receiver.stop()
    with WebhookSink(receiver.url, **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(2))
        wait_until(lambda: "messages wait" in caplog.text)
        receiver.start()
        receiver.wait_for(2)
        wait_until(lambda: "messages arrive again" in caplog.text)
    assert caplog.text.count("messages wait") == 1


def test_credentials_are_used_and_never_shown(receiver, caplog):
    url = receiver.url.replace("http://", "http://me:se%40cret@") + "?token=hush"
    receiver.answers = [500, 422]
    headers = {"X-Key": "hidden"}
    with WebhookSink(url, headers=headers, **QUICK) as sink:
        sink.open(dict(LIVE))
        send(sink, range(2))
        receiver.wait_for(1)
    login = receiver.headers[0]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(login) == b"me:se@cret"
    assert receiver.headers[0]["X-Key"] == "hidden"
    for secret in ("cret", "hush", "hidden"):
        assert secret not in caplog.text
        assert not [t for t in threading.enumerate() if secret in t.name]
    with pytest.raises(ConfigError) as caught:
        WebhookSink("ftp://me:secret@host/")
    assert "secret" not in str(caught.value)


def test_what_cannot_be_used_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="expected http://HOST or https://HOST"):
        WebhookSink("host/path")
    with pytest.raises(ConfigError, match="time-out of 0 s"):
        WebhookSink("http://host/", timeout=0)
    with pytest.raises(SinkError, match="call open"):
        WebhookSink("http://host/").write(make_frame(0), make_result(0))


def lines_in(folder):
    return sum(len(path.read_text().splitlines()) for path in folder.glob("*.jsonl"))


def newest_frame_in(folder):
    newest = max(folder.glob("*.jsonl"), default=None)
    lines = []
    if newest is not None:
        with contextlib.suppress(FileNotFoundError):  # it has become the oldest since
            lines = newest.read_text().splitlines()
    return json.loads(lines[-1])["frame"] if lines and lines[-1].endswith("}") else None


def wait_until(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)
