"""The faults are real ones: seen with plain PyAV, without vidcache."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import av
import av.error
import numpy as np
import pytest
from fault_lab import Damage, FaultyLink, RtspServer, SilentServer, write_clip
from fault_lab.interleaved import InterleavedParser, MediaPacket

Image = np.ndarray


def connect(url: str, timeout: float = 10.0) -> av.container.InputContainer:
    # Half a second of pictures is enough for libav to know what it sees.
    options = {"rtsp_transport": "tcp", "analyzeduration": "500000"}
    return av.open(url, options=options, timeout=(timeout, timeout))


def pictures(url: str, count: int) -> list[Image]:
    with connect(url) as container:
        stream = container.decode(video=0)
        return [next(stream).to_ndarray(format="rgb24") for _ in range(count)]


def clean(clip: Path, count: int) -> list[Image]:
    with av.open(str(clip)) as container:
        stream = container.decode(video=0)
        return [next(stream).to_ndarray(format="rgb24") for _ in range(count)]


def test_a_camera_shows_its_clip_bit_for_bit(camera: RtspServer, clip: Path) -> None:
    for seen, sent in zip(pictures(camera.url("door.mp4"), 30), clean(clip, 30), strict=True):
        assert np.array_equal(seen, sent)


def test_a_camera_that_plays_once_hangs_up(camera: RtspServer, tmp_path: Path) -> None:
    camera.put("short.mp4", write_clip(tmp_path / "short.mp4", seconds=1.0, size=(64, 48)))
    with connect(camera.url("short.mp4", times=1)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 25


def test_a_killed_camera_refuses_until_it_is_started_again(camera: RtspServer) -> None:
    url = camera.url("door.mp4")
    with connect(url) as container:
        stream = container.decode(video=0)
        next(stream)
        camera.kill()
        # What it sent before it died still arrives; then libav sees an end, or a reset.
        with contextlib.suppress(ConnectionResetError):
            assert len(list(stream)) < 100
    with pytest.raises(OSError, match="refused"):
        connect(url)
    camera.start()
    assert len(pictures(url, 3)) == 3


def test_a_frozen_camera_says_nothing_and_goes_on_when_thawed(camera: RtspServer) -> None:
    url = camera.url("door.mp4")
    camera.freeze()
    with pytest.raises(av.error.FFmpegError):
        connect(url, timeout=0.5)
    camera.thaw()
    assert len(pictures(url, 3)) == 3


def test_what_a_camera_does_not_have_is_answered_with_404(camera: RtspServer, clip: Path) -> None:
    with pytest.raises(av.error.HTTPNotFoundError):
        connect(camera.url("yard.mp4"))
    camera.put("yard.mp4", clip)
    assert len(pictures(camera.url("yard.mp4"), 3)) == 3
    camera.remove("yard.mp4")
    with pytest.raises(av.error.HTTPNotFoundError):
        connect(camera.url("yard.mp4"))


def test_a_silent_server_takes_a_connection_and_never_answers(silent: SilentServer) -> None:
    with pytest.raises(av.error.FFmpegError):
        connect(silent.url(), timeout=0.5)


def test_a_quiet_link_changes_nothing(link: FaultyLink, clip: Path) -> None:
    for seen, sent in zip(pictures(link.url("door.mp4"), 30), clean(clip, 30), strict=True):
        assert np.array_equal(seen, sent)
    assert link.damaged == ()


@pytest.mark.parametrize("kind", ["flip", "drop"])
def test_damaged_packets_spoil_pictures_and_are_reported(
    link: FaultyLink, clip: Path, kind: str
) -> None:
    link.begin(Damage(0.1, kind, seed=3))
    seen: list[Image] = []
    with connect(link.url("door.mp4")) as container:
        for packet in container.demux(video=0):
            # Some damage the decoder refuses to decode.
            with contextlib.suppress(av.error.InvalidDataError):
                seen += [picture.to_ndarray(format="rgb24") for picture in packet.decode()]
            if len(seen) >= 40:
                break
    assert link.damaged
    sent = clean(clip, 60)
    spoilt = [image for image in seen if not any(np.array_equal(image, good) for good in sent)]
    assert spoilt


def test_the_same_seed_damages_the_same_packets(link: FaultyLink) -> None:
    hit = []
    for _ in range(2):
        before = len(link.damaged)
        link.begin(Damage(0.2, seed=5))
        pictures(link.url("door.mp4"), 20)
        link.end()
        hit.append([(packet.sequence, packet.timestamp) for packet in link.damaged[before:]])
    length = min(map(len, hit))
    assert length > 3
    assert hit[0][:length] == hit[1][:length]


def test_a_stalled_link_keeps_the_connection_and_delivers_later(link: FaultyLink) -> None:
    with connect(link.url("door.mp4"), timeout=60) as container:
        stream = container.decode(video=0)
        times = [next(stream).time for _ in range(10)]
        link.stall()
        timer = threading.Timer(0.5, link.flow)
        timer.start()
        times += [next(stream).time for _ in range(30)]
        timer.join()
    # libav does not know the time of the first picture.
    assert np.allclose(np.diff(times[1:]), 0.04)
    link.stall()
    with pytest.raises(av.error.FFmpegError):
        connect(link.url("door.mp4"), timeout=0.5)
    link.flow()
    assert len(pictures(link.url("door.mp4"), 3)) == 3


def test_a_cut_link_ends_the_stream_and_takes_the_next_client(link: FaultyLink) -> None:
    with connect(link.url("door.mp4")) as container:
        stream = container.decode(video=0)
        next(stream)
        link.cut()
        assert len(list(stream)) < 100
    assert len(pictures(link.url("door.mp4"), 3)) == 3
    assert link.num_connections == 2


def test_a_link_refuses_until_it_accepts_again(link: FaultyLink) -> None:
    link.refuse()
    with pytest.raises(OSError, match="refused"):
        connect(link.url("door.mp4"))
    link.accept()
    assert len(pictures(link.url("door.mp4"), 3)) == 3


def test_a_link_to_a_camera_that_is_off_hangs_up(
    start_camera: Callable[..., RtspServer],
) -> None:
    with FaultyLink(start_camera(running=False).port) as link, pytest.raises(av.error.FFmpegError):
        connect(link.url("door.mp4"))


def test_the_clock_of_a_camera_can_be_set_back_in_mid_stream(link: FaultyLink) -> None:
    with connect(link.url("door.mp4")) as container:
        stream = container.decode(video=0)
        times = [next(stream).time for _ in range(25)]
        link.shift_timestamps(-1.0)
        times += [next(stream).time for _ in range(50)]
    steps = np.diff(times[1:])
    assert np.count_nonzero(steps < 0) == 1
    assert np.isclose(steps.min(), 0.04 - 1.0)


def test_answers_and_packets_are_told_apart_however_they_are_cut() -> None:
    answer = b"RTSP/1.0 200 OK\r\nContent-Length: 26\r\n\r\nm=video 0 RTP/AVP 96\r\n$$$$"
    video = MediaPacket(0, bytes([0x80, 96, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4]) + b"picture")
    report = MediaPacket(1, b"\x80\xc8" + b"$" * 30)
    wire = answer + video.to_bytes() + report.to_bytes() + answer
    for step in (1, 7, 1000):
        parser = InterleavedParser()
        chunks = [wire[i : i + step] for i in range(0, len(wire), step)]
        pieces = [piece for chunk in chunks for piece in parser.feed(chunk)]
        assert pieces == [answer, video, report, answer]
        assert parser.is_video(video)
        assert not parser.is_video(report)
    assert (video.sequence, video.timestamp) == (7, 9)
    assert video.with_timestamp(-1).timestamp == 2**32 - 1
