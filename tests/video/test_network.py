"""Real servers on this machine: RTSP in a process of its own, HTTP in a thread."""

import functools
import http.server
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidcache.errors import SourceError
from vidcache.video import open_source

_SERVER = """
import asyncio, sys
import aio_rtsp_toolkit.server as server
asyncio.run(server.serve(sys.argv[1], host="127.0.0.1", port=int(sys.argv[2])))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def rtsp(make_video: Callable[..., Path]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    pytest.importorskip("aio_rtsp_toolkit", reason="needs the extra 'dev'")
    path = make_video("camera.mp4", num_frames=100, rate=25, gop=25)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(path.parent), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"127.0.0.1:{server.getsockname()[1]}"


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if not self.path.startswith("/camera.mjpg"):
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for index in range(25):
            _, jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), index * 10, np.uint8))
            data = jpeg.tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")
            time.sleep(0.1)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(_Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_an_rtsp_camera_is_read_over_tcp(rtsp: tuple[str, subprocess.Popen[bytes]]) -> None:
    with open_source(f"rtsp://me:secret@{rtsp[0]}/camera.mp4", when_full="block") as source:
        assert source.is_live
        assert source.size == (128, 96)
        assert source.uri == f"rtsp://***@{rtsp[0]}/camera.mp4"
        assert "secret" not in repr(source)
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(100))
    assert np.allclose([frame.pts_seconds for frame in frames], np.arange(100) / 25, atol=0.002)
    assert all(frame.time is not None for frame in frames)


def test_an_rtsp_camera_that_freezes_is_an_error(
    rtsp: tuple[str, subprocess.Popen[bytes]],
) -> None:
    address, process = rtsp
    uri = f"rtsp://me:secret@{address}/camera.mp4?play_count=0"
    with open_source(uri, read_timeout=0.5) as source:
        next(source)
        process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(SourceError, match=r"no answer for 0\.5 s") as caught:
                list(source)
        finally:
            process.send_signal(signal.SIGCONT)
    assert "secret" not in str(caught.value)


def test_closing_a_frozen_camera_does_not_hang(
    rtsp: tuple[str, subprocess.Popen[bytes]],
) -> None:
    address, process = rtsp
    source = open_source(f"rtsp://{address}/camera.mp4?play_count=0", read_timeout=60)
    next(source)
    process.send_signal(signal.SIGSTOP)
    # A read that waits for a minute holds up neither this nor the end of the program.
    source.close()
    process.send_signal(signal.SIGCONT)
    assert list(source) == []


def test_a_wrong_path_on_a_server_is_told_from_a_wrong_server(
    rtsp: tuple[str, subprocess.Popen[bytes]],
) -> None:
    with pytest.raises(SourceError, match="not found"):
        open_source(f"rtsp://me:secret@{rtsp[0]}/other.mp4")
    with pytest.raises(SourceError, match="refused") as caught:
        open_source(f"rtsp://me:secret@127.0.0.1:{free_port()}/camera.mp4")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("backend", ["pyav", "opencv"])
@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_server_that_says_nothing_is_given_up(
    silent_server: str, scheme: str, backend: str
) -> None:
    with pytest.raises(SourceError, match="answer") as caught:
        open_source(f"{scheme}://me:secret@{silent_server}/x", open_timeout=0.5, backend=backend)
    assert "secret" not in str(caught.value)


def test_waiting_for_a_silent_camera_can_be_interrupted(silent_server: str) -> None:
    # A signal in the middle of an import may get lost there.
    program = (
        "import signal, vidcache.video.pyav_reader, av.container\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from vidcache.video import open_source\n"
        "print('ready', flush=True)\n"
        f"try: open_source('rtsp://{silent_server}/x', open_timeout=300)\n"
        "except KeyboardInterrupt: print('interrupted', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert output == b"interrupted\n"
    assert process.returncode == 0


def test_a_file_on_a_web_server_is_read_without_loss(
    make_video: Callable[..., Path], web: str
) -> None:
    make_video("clip.mp4", num_frames=30)
    with open_source(f"http://me:secret@{web}/clip.mp4") as source:
        assert not source.is_live
        assert source.uri == f"http://***@{web}/clip.mp4"
        assert len(list(source)) == 30


def test_hls_with_an_end_is_a_file(make_video: Callable[..., Path], web: str) -> None:
    options = {"hls_time": "1", "hls_list_size": "0"}
    make_video("clip.m3u8", num_frames=75, container_format="hls", container_options=options)
    with open_source(f"http://{web}/clip.m3u8") as source:
        assert not source.is_live
        times = [frame.pts_seconds for frame in source]
    assert np.allclose(times, np.arange(75) / 25, atol=0.002)


def test_mjpeg_over_http_is_live(web: str) -> None:
    with open_source(f"http://{web}/camera.mjpg?token=abc", when_full="block") as source:
        assert source.is_live
        assert source.uri.endswith("token=***")
        frames = list(source)
    assert len(frames) == 25
    arrivals = [frame.time for frame in frames if frame.time is not None]
    # libav would say 25 a second, however slowly they come.
    times = np.array([frame.pts_seconds for frame in frames])
    assert np.allclose(times, np.array(arrivals) - arrivals[0], atol=0.1)
    assert all(frame.flags == () for frame in frames)
    assert frames[20].image_rgb.mean() == pytest.approx(200, abs=3)


def test_what_a_web_server_does_not_have_is_an_error(web: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not found"):
        open_source(f"http://{web}/none.mp4")
    (tmp_path / "page.html").write_text("<html>no video</html>" * 100)
    with pytest.raises(SourceError, match="not a video"):
        open_source(f"http://{web}/page.html")


@pytest.fixture
def hls_camera(make_video: Callable[..., Path]) -> Iterator[str]:
    """A live playlist of one-second files: two at first, one more whenever it is asked for."""
    options = {"hls_time": "1", "hls_list_size": "0"}
    path = make_video(
        "clip.m3u8", num_frames=150, gop=25, container_format="hls", container_options=options
    )
    segments = sorted(path.parent.glob("clip*.ts"))
    shown = 1

    class Camera(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            nonlocal shown
            if self.path != "/live.m3u8":
                super().do_GET()
                return
            shown = min(shown + 1, len(segments))
            names = "".join(f"#EXTINF:1.0,\n{segment.name}\n" for segment in segments[:shown])
            end = "#EXT-X-ENDLIST\n" if shown == len(segments) else ""
            head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"
            body = (head + names + end).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.apple.mpegurl")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    handler = functools.partial(Camera, directory=str(path.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/live.m3u8"
        server.shutdown()


def test_hls_whose_seconds_come_at_once_is_read_without_loss(hls_camera: str) -> None:
    with open_source(hls_camera) as source:
        assert source.is_live
        frames = []
        for frame in source:
            frames.append(frame)
            time.sleep(0.005)
        assert source.num_dropped == 0
    assert [frame.index for frame in frames] == list(range(150))
    assert np.allclose([frame.pts_seconds for frame in frames], np.arange(150) / 25, atol=0.002)
    assert not any("tainted" in frame.flags for frame in frames)
