"""Serves a graph of libav over RTSP as a camera does: made, encoded and sent picture by picture.

    python serve_stamped.py GRAPH RATE PORT

The server is that of the package ``aio-rtsp-toolkit``, which serves files; here its packets come
from an encoder that is at work. It ends with the process that started it.
"""

import asyncio
import os
import sys
import tempfile
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import aio_rtsp_toolkit.server as toolkit
import av
from aio_rtsp_toolkit.server_media import split_annexb_nalus
from aio_rtsp_toolkit.server_session import RtspServerSession
from aio_rtsp_toolkit.server_session_types import QueuedMediaPacket

__all__: list[str] = []

_OPTIONS = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
_PARAMETER_SETS = (7, 8)


class _LiveSession(RtspServerSession):
    """One client; it gets a scene and an encoder of its own."""

    graph = ""
    rate = 30

    def _produce_container_packets(self, loop: Any, queue: Any, stop_event: Any) -> None:
        """Instead of a file's packets, those of the encoder."""
        state = next(iter(self.track_states.values()))
        with av.open(self.graph, format="lavfi") as scene:
            encoder: Any = None
            for number, picture in enumerate(scene.decode(video=0)):
                if self.closed or stop_event.is_set():
                    return
                picture.pts, picture.time_base = number, Fraction(1, self.rate)
                # A scene's pictures ask for key frames, each of them.
                picture.pict_type = 0
                encoder = encoder or _make_encoder(picture.width, picture.height, self.rate)
                for packet in encoder.encode(picture):
                    item = QueuedMediaPacket(
                        kind="video",
                        track_control=state.info.control,
                        data=_with_lengths(bytes(packet)),
                        media_time=number / self.rate,
                        is_keyframe=bool(packet.is_keyframe),
                    )
                    if not self._threadsafe_queue_put(loop, queue, item, stop_event):
                        return

    async def _sleep_until_media_time(self, state: Any, media_time: float) -> None:
        """A camera sends what it has at once: the scene keeps the pace."""


def _make_encoder(width: int, height: int, rate: int) -> Any:
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(rate), Fraction(1, rate)
    encoder.gop_size, encoder.max_b_frames, encoder.thread_count = rate, 0, 1
    encoder.options = _OPTIONS
    return encoder


def _with_lengths(packet: bytes) -> bytes:
    """The packet as in a file, which the server takes apart: each unit behind its length.

    The server sends the parameter sets itself.
    """
    units = [unit.rstrip(b"\0") for unit in split_annexb_nalus(packet)]
    kept = [unit for unit in units if unit[0] & 31 not in _PARAMETER_SETS]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in kept)


def _write_sample(path: Path, graph: str, rate: int) -> None:
    """A file of the same encoder, from which the server learns what to announce."""
    with av.open(graph, format="lavfi") as scene, av.open(str(path), "w") as container:
        stream: Any = None
        for number, picture in zip(range(2), scene.decode(video=0), strict=False):
            if stream is None:
                stream = container.add_stream("libx264", rate=rate)
                stream.width, stream.height, stream.pix_fmt = (
                    picture.width,
                    picture.height,
                    "yuv420p",
                )
                stream.codec_context.gop_size, stream.codec_context.max_b_frames = rate, 0
                stream.codec_context.thread_count = 1
                stream.options = _OPTIONS
            picture.pts, picture.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


async def _serve(folder: str, port: int) -> None:
    server = toolkit.RtspServer(folder, host="127.0.0.1", port=port)
    out = sys.stdout
    with Path(os.devnull).open("w") as sys.stdout:
        await server.start()
        print("ready", file=out, flush=True)
        await server.serve_forever()


def main() -> None:
    """Serve until the standard input closes."""
    graph, rate, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    _LiveSession.graph, _LiveSession.rate = graph, rate
    # The server makes its sessions itself, and takes no other class for them.
    toolkit.RtspServerSession = _LiveSession
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        _write_sample(Path(folder) / "camera.mp4", graph, rate)
        asyncio.run(_serve(folder, port))


if __name__ == "__main__":
    main()
