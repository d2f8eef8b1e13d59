import av
import pytest
from sink_input import HEADER, make_frame, make_result, run_under_file_limit

from vidcache.errors import ConfigError, SinkError
from vidcache.video import SegmentedVideoSink

LIVE = {**HEADER, "live": True}


def write(path, frames, *, header=HEADER, end=None, **settings):
    with SegmentedVideoSink(path, overlay=None, crf=10, **settings) as sink:
        sink.open(dict(header))
        for frame in frames:
            sink.write(frame, make_result(frame.index, frame.pts_seconds))
        sink.close({"frames": 0} if end is None else end)


def segments(folder):
    """Of each segment: its times, the grey of its pictures, its size and its duration."""
    found = []
    for path in sorted(folder.glob("*.mp4")):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            duration = float(stream.duration * stream.time_base)
            pictures = [
                (frame.time, frame.to_ndarray(format="rgb24"))
                for frame in container.decode(video=0)
            ]
        times = [time for time, _ in pictures]
        greys = [int(image.mean().round()) for _, image in pictures]
        found.append((times, greys, pictures[0][1].shape[:2], duration))
    return found


def test_every_frame_is_in_one_segment_and_each_plays_alone_from_zero(tmp_path):
    write(tmp_path / "camera.mp4", map(make_frame, range(60)), segment_seconds=1.0)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["camera.0001.mp4", "camera.0002.mp4", "camera.0003.mp4"]
    found = segments(tmp_path)
    assert [len(times) for times, *_ in found] == [25, 25, 10]
    for times, *_ in found:
        assert times == pytest.approx([i / 25 for i in range(len(times))], abs=1e-4)
    greys = [grey for _, segment, *_ in found for grey in segment]
    wanted = [index * 5 % 250 for index in range(60)]
    assert max(abs(a - b) for a, b in zip(greys, wanted, strict=True)) <= 2


def test_a_segment_lasts_until_the_next_one_begins(tmp_path):
    # A variable rate, and a boundary that falls between two frames.
    times = [0.0, 0.04, 0.3, 0.9, 1.15, 1.2, 1.9, 2.3]
    frames = [make_frame(index, now) for index, now in enumerate(times)]
    write(tmp_path / "camera.mp4", frames, segment_seconds=1.0, header={**HEADER, "duration": 2.5})
    durations = [duration for *_, duration in segments(tmp_path)]
    assert durations == pytest.approx([1.15, 1.15, 0.2], abs=1e-3)
    assert sum(durations) == pytest.approx(2.5, abs=1e-3)


def test_another_size_begins_a_new_segment(tmp_path):
    sizes = [(64, 48)] * 5 + [(96, 64)] * 5 + [(64, 48)] * 5
    frames = [make_frame(index, size=size) for index, size in enumerate(sizes)]
    write(tmp_path / "camera.mp4", frames, segment_seconds=60.0)
    assert [shape for _, _, shape, _ in segments(tmp_path)] == [(48, 64), (64, 96), (48, 64)]
    assert [len(times) for times, *_ in segments(tmp_path)] == [5, 5, 5]


def test_a_long_time_without_frames_is_not_part_of_a_segment(tmp_path):
    frames = [make_frame(index, index / 25 + (100 if index >= 10 else 0)) for index in range(20)]
    write(tmp_path / "camera.mp4", frames, segment_seconds=5.0)
    assert [duration for *_, duration in segments(tmp_path)] == pytest.approx([0.4, 0.4], abs=1e-3)


def test_only_the_newest_segments_are_kept_and_numbers_go_on(tmp_path):
    for _ in range(2):
        frames = map(make_frame, range(100))
        write(tmp_path / "camera.mp4", frames, segment_seconds=1.0, keep_files=3)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["camera.0006.mp4", "camera.0007.mp4", "camera.0008.mp4"]


def test_no_frames_make_no_files(tmp_path):
    write(tmp_path / "camera.mp4", [], segment_seconds=1.0)
    assert list(tmp_path.iterdir()) == []


_WRITE = """
from vidcache.video import SegmentedVideoSink
sink = SegmentedVideoSink(sys.argv[1], segment_seconds=1.0, crf=4, retry_seconds=(0.02, 0.1))
live = sys.argv[2] == "live"
try:
    sink.open({**HEADER, "live": live})
    for index in range(250):
        # The second second is of noise, too large for a file.
        noisy = {"seed": 0} if 25 <= index < 50 else {}
        sink.write(make_frame(index, **noisy), make_result(index))
        time.sleep(0.01 * live)
    sink.close({"frames": 250})
except SinkError as error:
    print(error)
    sys.exit(1)
print(sink.num_dropped)
"""


def test_a_live_run_goes_on_in_a_new_segment_after_a_failure(tmp_path):
    pytest.importorskip("resource")
    done = run_under_file_limit(_WRITE, 40_000, tmp_path / "camera.mp4", "live")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
    assert "File too large; trying again until it works" in done.stderr
    last = sorted(tmp_path.glob("*.mp4"))[-1]
    with av.open(str(last)) as container:
        assert len(list(container.decode(video=0))) > 0
    assert all(path.stat().st_size for path in tmp_path.iterdir())


def test_a_failure_in_the_run_of_a_file_is_an_error(tmp_path):
    pytest.importorskip("resource")
    done = run_under_file_limit(_WRITE, 40_000, tmp_path / "camera.mp4", "file")
    assert done.returncode == 1
    assert "cannot write the video" in done.stdout
    assert "File too large" in done.stdout


def test_what_makes_no_sense_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="segment_seconds=0"):
        SegmentedVideoSink(tmp_path / "a.mp4", segment_seconds=0)
    with pytest.raises(SinkError, match="create its folder first"):
        SegmentedVideoSink(tmp_path / "none" / "a.mp4", segment_seconds=1).open({})
