"""The time is really read out of pictures, and what is computed of it is right."""

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

import av
from bench_latency import describe
from fault_lab.watched_run import SeenRecord
from latency_lab import Ages, StampedCamera, StampedRun, age_ms, read_stamp, stamped_graph
from latency_lab.stamped_run import join_notes, watch_stamped

RATE = 30


@pytest.fixture(scope="module")
def graph(tmp_path_factory, make_video) -> str:
    # A name with all that a graph would take for its own.
    folder = tmp_path_factory.mktemp("it's [a] scene, 1:2;")
    return stamped_graph(make_video(folder / "scene.mp4", size=(320, 160)), RATE)


def encoded(image: np.ndarray) -> np.ndarray:
    """A picture as it comes out of an encoder and a decoder."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = image.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, RATE)
    encoder.options = {"crf": "30", "preset": "ultrafast", "tune": "zerolatency"}
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    decoder = av.CodecContext.create("h264", "r")
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    pictures = [picture for packet in [*packets, None] for picture in decoder.decode(packet)]
    return pictures[0].to_ndarray(format="rgb24")


def test_a_picture_tells_when_it_was_made(graph):
    with av.open(graph, format="lavfi") as camera:
        for _, picture in zip(range(8), camera.decode(video=0), strict=False):
            image = picture.to_ndarray(format="rgb24")
            stamp = read_stamp(image)
            assert stamp is not None
            assert read_stamp(encoded(image)) == stamp
            # Minutes of the wrapped clock would be seen: a picture made later than now has them.
            assert age_ms(stamp, time.time()) < 30_000


@pytest.mark.parametrize("size", [(360, 640), (360, 320), (8, 640)])
def test_a_picture_without_a_stamp_is_known_as_such(size):
    noise = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    assert read_stamp(noise) is None


def test_a_damaged_stamp_is_not_read(graph):
    with av.open(graph, format="lavfi") as camera:
        image = next(camera.decode(video=0)).to_ndarray(format="gray")
    assert read_stamp(image) is not None
    image[:16, 96:112] = 128
    assert read_stamp(image) is None


def test_ages_survive_the_wrap_of_the_clock():
    period = 1 << 20
    made = 7 * period - 10
    assert age_ms(made % period, (made + 250) / 1000) == pytest.approx(250)


def test_results_get_the_ages_of_their_pictures():
    frames = [
        SeenRecord({"type": "frame", "frame": number, "time": 50.02 + number}, 50.1 + number)
        for number in range(4)
    ]
    ages = join_notes(frames, {0: 50_000, 1: 51_000, 3: 52_950}, begin=50.0)
    assert ages.seconds == pytest.approx([0.1, 1.1, 3.1])
    assert ages.ages_ms == pytest.approx([100, 100, 150])
    assert ages.decoded_ms == pytest.approx([20, 20, 70])


def test_an_empty_span_is_an_error():
    ages = Ages(np.array([0.5, 2.5]), np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match="from 1 to 2 s"):
        ages.spans([0, 1, 2, 3])


def run_with(ages_ms: np.ndarray, unreadable: int = 0) -> StampedRun:
    seconds = np.linspace(0, 239.9, len(ages_ms))
    ages = Ages(seconds, ages_ms, np.full(len(ages_ms), 5.0))
    edges = [0.0, 60.0, 120.0, 180.0, 240.0]
    mib = [100.0, 100.0, 101.0, 102.0]
    return StampedRun(ages, 1000, unreadable, 1200, 1200, {"full": 200}, edges, mib, 130)


@pytest.mark.parametrize(
    ("last", "unreadable", "fine"),
    [(80.0, 0, True), (99.0, 0, True), (110.0, 0, False), (80.0, 11, False)],
)
def test_creep_and_unreadable_pictures_are_not_fine(last, unreadable, fine):
    ages = np.full(1000, 80.0)
    ages[750:] = last
    ages[::100] = 500.0
    figures = describe(run_with(ages, unreadable), bound=1.25)
    assert figures["ok"] is fine
    assert figures["creep"] == pytest.approx(last / 80, abs=1e-3)
    assert figures["memory"] == pytest.approx(1.02)
    assert figures["whole"]["p50_ms"] == 80.0
    assert figures["whole"]["most_ms"] == 500.0


def test_a_few_milliseconds_are_no_creep():
    ages = np.full(1000, 10.0)
    ages[750:] = 15.0
    assert describe(run_with(ages), bound=1.25)["ok"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_camera_over_rtsp_is_watched(graph, small_model_path, tmp_path: Path):
    pytest.importorskip("aio_rtsp_toolkit", reason="needs the extra 'dev'")
    flags = ["--model", str(small_model_path), "--detector", "none"]
    with StampedCamera(graph, RATE) as camera:
        run = watch_stamped(
            camera.url, tmp_path, flags, rate=RATE, settle_seconds=0.5, edges=[0.0, 2.0, 4.0]
        )
    assert run.exit_code == 130
    assert run.unreadable == 0
    assert run.shown == len(run.ages.seconds) > 20
    # The camera keeps its pace, and every picture that was not shown has left a hole.
    assert run.made == pytest.approx(4 * RATE, abs=RATE)
    assert run.shown <= run.decoded <= run.made + 1
    assert np.all(run.ages.ages_ms > run.ages.decoded_ms)
    assert np.all(run.ages.decoded_ms > 0)


def test_the_camera_sends_a_key_frame_a_second(graph):
    pytest.importorskip("aio_rtsp_toolkit", reason="needs the extra 'dev'")
    options = {"rtsp_transport": "tcp", "analyzeduration": "500000"}
    with (
        StampedCamera(graph, RATE) as camera,
        av.open(camera.url, options=options, timeout=(10, 10)) as container,
    ):
        pictures = [p for _, p in zip(range(65), container.decode(video=0), strict=False)]
    keys = [number for number, picture in enumerate(pictures) if picture.key_frame]
    assert keys == [0, RATE, 2 * RATE]
    stamps = [read_stamp(picture.to_ndarray(format="gray")) for picture in pictures]
    assert None not in stamps
    assert len(set(stamps)) > 60


def test_a_camera_that_cannot_start_says_why():
    with pytest.raises(RuntimeError, match="did not start"):
        StampedCamera("nosuchfilter", RATE)
