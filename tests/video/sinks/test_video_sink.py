import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidcache.errors import SinkError
from vidcache.frames import ActionScore, Frame, FrameResult
from vidcache.video import Mp4Writer, VideoSink, open_source


def result(frame: Frame) -> FrameResult:
    return FrameResult(frame.index, frame.pts_seconds, "walk", (ActionScore("walk", 0.9),))


def copy(source_path: Path, target: Path, **options: object) -> Path:
    """Read a video and write it again, as a run does."""
    with open_source(source_path) as source, VideoSink(target, **options) as sink:  # type: ignore[arg-type]
        sink.open(
            {
                "labels": ["nobody", "walk"],
                "frame_rate": source.frame_rate,
                "duration": source.duration_seconds,
            }
        )
        for frame in source:
            sink.write(frame, result(frame))
        sink.close({})
    return target


def times(path: Path) -> list[float]:
    with open_source(path) as source:
        return [frame.pts_seconds for frame in source]


def test_a_copy_has_the_frames_times_and_length_of_its_source(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_video("plain.mp4", num_frames=40, rate=30)
    out = copy(path, tmp_path / "out.mp4")
    with open_source(path) as source, open_source(out) as written:
        assert written.size == source.size
        assert written.info.codec == "h264"
        assert written.duration_seconds == pytest.approx(source.duration_seconds, abs=1e-3)
    assert times(out) == pytest.approx(times(path), abs=1e-4)


def test_a_copy_keeps_a_variable_frame_rate(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    moments = [0.0, 0.04, 0.3, 0.31, 1.5, 1.54, 3.0, 3.1]
    path = make_video("vfr.mp4", num_frames=len(moments), times=moments)
    out = copy(path, tmp_path / "out.mp4")
    assert times(out) == pytest.approx(times(path), abs=1e-4)
    with open_source(path) as source, open_source(out) as written:
        assert source.duration_seconds is not None
        assert written.duration_seconds == pytest.approx(source.duration_seconds, abs=0.11)


def test_a_finished_file_is_a_plain_mp4_that_seeks(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    out = copy(make_video("plain.mp4", num_frames=100), tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert stream.frames == 100
        keyframes = [
            p.pts * p.time_base for p in container.demux(stream) if p.is_keyframe and p.size
        ]
    assert keyframes[0] == 0
    assert max(np.diff([float(k) for k in keyframes])) <= 1.05


def test_frames_are_stored_without_overlay_where_none_is_wanted(
    make_video: Callable[..., Path], make_picture: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    path = make_video("plain.mp4", num_frames=5)
    with open_source(copy(path, tmp_path / "out.mp4", overlay=None, crf=10)) as source:
        image = next(source).image_rgb
    assert np.abs(image.astype(int) - make_picture(0)).mean() < 8
    with open_source(copy(path, tmp_path / "drawn.mp4")) as source:
        assert np.abs(next(source).image_rgb.astype(int) - make_picture(0)).mean() > 15


@pytest.mark.parametrize(("size", "stored"), [((63, 47), (62, 46)), ((64, 47), (64, 46))])
def test_odd_sizes_lose_a_row_or_column(
    tmp_path: Path, size: tuple[int, int], stored: tuple[int, int]
) -> None:
    path = tmp_path / "out.mp4"
    with Mp4Writer(path, size, 25) as writer:
        writer.write(np.full((size[1], size[0], 3), 90, np.uint8), 0.0)
    with open_source(path) as source:
        assert source.size == stored
        assert abs(int(next(source).image_rgb.mean()) - 90) < 4


def test_a_frame_of_another_size_is_fitted_in_with_bars(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with Mp4Writer(path, (64, 64), 25) as writer:
        writer.write(np.full((64, 64, 3), 200, np.uint8), 0.0)
        writer.write(np.full((60, 120, 3), 200, np.uint8), 0.04)
    with open_source(path) as source:
        _, second = (frame.image_rgb for frame in source)
    assert second.shape == (64, 64, 3)
    assert second[:10].mean() < 30
    assert second[24:40].mean() > 180


def test_two_frames_of_one_time_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with Mp4Writer(path, (64, 48), 25) as writer:
        for moment in (0.0, 0.04, 0.04, 0.08):
            writer.write(np.zeros((48, 64, 3), np.uint8), moment)
    assert times(path) == pytest.approx([0.0, 0.04, 0.04, 0.08], abs=1e-4)


def test_the_last_frame_lasts_until_the_end_that_is_given(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    writer = Mp4Writer(path, (64, 48), 25)
    for index in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8), index / 25)
    writer.close(end_seconds=1.0)
    with open_source(path) as source:
        assert source.duration_seconds == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(("truncated", "seconds"), [(False, 1.0), (True, 0.84)])
def test_only_a_video_that_was_read_to_its_end_lasts_as_long_as_its_source(
    tmp_path: Path, truncated: bool, seconds: float
) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(path) as sink:
        sink.open({"labels": [], "frame_rate": 25, "duration": 1.0})
        for index in range(21):
            frame = Frame(np.zeros((48, 64, 3), np.uint8), index, index / 25)
            sink.write(frame, result(frame))
        sink.close({"truncated": truncated})
    with open_source(path) as source:
        assert source.duration_seconds == pytest.approx(seconds, abs=1e-3)


_WRITE_FOR_EVER = """
import sys, numpy as np
from vidcache.frames import ActionScore, Frame, FrameResult
from vidcache.video import VideoSink
sink = VideoSink(sys.argv[1])
sink.open({"labels": ["walk"], "frame_rate": 25})
rng = np.random.default_rng(0)
for index in range(10**9):
    frame = Frame(rng.integers(0, 255, (120, 160, 3), dtype=np.uint8), index, index / 25)
    sink.write(frame, FrameResult(index, index / 25, "walk", (ActionScore("walk", 0.9),)))
    print(index, flush=True)
"""


def test_a_killed_writer_leaves_a_file_that_plays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITE_FOR_EVER, str(path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    num_written = 0
    for line in process.stdout:
        num_written = int(line)
        if num_written == 150:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    found = times(path)
    # What waits to be encoded and the second that is being written are lost, no more.
    assert len(found) >= 150 - 25 - 40
    assert found == pytest.approx([i / 25 for i in range(len(found))], abs=1e-4)
    with open_source(path, backend="opencv") as source:
        assert len(list(source)) == len(found)


def test_leaving_by_an_exception_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    frame = Frame(np.zeros((48, 64, 3), np.uint8), 0, 0.0)

    def fail() -> None:
        with VideoSink(path) as sink:
            sink.open({"labels": []})
            sink.write(frame, result(frame))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert times(path) == [0.0]
    assert not [t for t in threading.enumerate() if t.name.startswith("vidcache-sink")]


def test_a_video_without_frames_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(path) as sink:
        sink.open({"labels": []})
        sink.close({})
    assert not path.exists()


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="No such file or directory"):
        VideoSink(tmp_path / "none" / "out.mp4").open({})
    with pytest.raises(SinkError, match="there is no folder"):
        Mp4Writer(tmp_path / "none" / "out.mp4", (64, 48), 25)
    frame = Frame(np.zeros((48, 64, 3), np.uint8), 0, 0.0)
    with pytest.raises(SinkError, match="call open"):
        VideoSink(tmp_path / "out.mp4").write(frame, result(frame))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_and_nothing_hangs() -> None:
    rng = np.random.default_rng(0)

    def fill() -> None:
        with VideoSink("/dev/full") as sink:
            sink.open({"labels": [], "frame_rate": 25})
            for index in range(300):
                image = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)
                frame = Frame(image, index, index / 25)
                sink.write(frame, result(frame))

    with pytest.raises(SinkError, match="No space left"):
        fill()


def test_encoded_colours_are_right_for_players(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with Mp4Writer(path, (64, 48), 25, crf=4) as writer:
        writer.write(np.full((48, 64, 3), (230, 40, 20), np.uint8), 0.0)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        # BT.709 is stored and said.
        assert frame.colorspace == 1
        assert frame.time_base <= Fraction(1, 90_000)
        image = frame.to_ndarray(format="rgb24")
    assert np.abs(image.astype(int) - (230, 40, 20)).mean() < 6
