import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from vidcache.errors import ConfigError, MissingExtraError, SourceError
from vidcache.frames import Frame
from vidcache.video import open_source

BACKENDS = ["pyav", "opencv"]
CAMERA = "lavfi:testsrc2=size=128x96:rate=50,realtime"


def decoding_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("vidcache-decode")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_frame_of_a_file_comes_with_its_time(
    make_video: Callable[..., Path], make_picture: Callable[..., np.ndarray], backend: str
) -> None:
    path = make_video("plain.mp4", num_frames=20, rate=10)
    with open_source(path, backend=backend) as source:
        assert source.size == (128, 96)
        assert source.frame_rate == 10
        assert not source.is_live
        assert source.num_frames_estimate == 20
        assert source.duration_seconds == pytest.approx(2.0)
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.pts_seconds for frame in frames] == pytest.approx([i / 10 for i in range(20)])
    assert all(frame.flags == () and frame.time is None for frame in frames)
    assert np.abs(frames[7].image_rgb.astype(int) - make_picture(7)).mean() < 8
    assert source.num_dropped == 0
    assert not source.truncated


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv"])
def test_a_variable_frame_rate_is_kept(
    make_video: Callable[..., Path], backend: str, name: str
) -> None:
    times = [0.0, 0.04, 0.3, 0.31, 1.5, 1.54, 3.0]
    path = make_video(name, num_frames=len(times), times=times)
    with open_source(path, backend=backend) as source:
        assert [frame.pts_seconds for frame in source] == pytest.approx(times, abs=0.002)


def test_a_stream_that_starts_late_starts_at_zero(make_video: Callable[..., Path]) -> None:
    times = [5.0 + i / 25 for i in range(10)]
    path = make_video("late.mkv", num_frames=10, times=times)
    with open_source(path) as source:
        found = [frame.pts_seconds for frame in source]
        assert source.info.start_seconds == pytest.approx(5.0, abs=0.002)
    assert found == pytest.approx([i / 25 for i in range(10)], abs=0.002)


def test_a_stream_without_timestamps_gets_them_from_its_rate(
    make_video: Callable[..., Path],
) -> None:
    path = make_video("raw.h264", container_format="h264", num_frames=10)
    with open_source(path) as source:
        frames = list(source)
    assert [frame.pts_seconds for frame in frames] == pytest.approx([i / 25 for i in range(10)])
    assert all(frame.flags == ("pts_estimated",) for frame in frames[1:])


@pytest.mark.parametrize("backend", BACKENDS)
def test_frames_are_shrunk_to_the_size_asked_for(
    make_video: Callable[..., Path], backend: str
) -> None:
    path = make_video("plain.mp4", num_frames=3)
    with open_source(path, backend=backend, max_size=64) as source:
        assert source.size == (64, 48)
        assert next(source).image_rgb.shape == (48, 64, 3)
    with open_source(path, backend=backend, max_size=4000) as source:
        assert source.size == (128, 96)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_wrong_path_is_an_error_that_says_so(tmp_path: Path, backend: str) -> None:
    with pytest.raises(SourceError, match=r"none\.mp4': there is no such file"):
        open_source(tmp_path / "none.mp4", backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["note.txt", "note.mp4", "note"])
def test_a_text_is_not_a_video(tmp_path: Path, backend: str, name: str) -> None:
    (tmp_path / name).write_text("this is not a video\n" * 500)
    with pytest.raises(SourceError, match="not a video"):
        open_source(tmp_path / name, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_file_is_an_error_that_says_so(tmp_path: Path, backend: str) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(SourceError, match="the file is empty"):
        open_source(tmp_path / "empty.mp4", backend=backend)


def test_sound_alone_is_not_a_video(make_sound: Callable[[str], Path]) -> None:
    with pytest.raises(SourceError, match=r"no video stream that can be read \(it holds: audio\)"):
        open_source(make_sound("sound.m4a"))


def test_a_folder_is_not_one_video(make_video: Callable[..., Path]) -> None:
    path = make_video("plain.mp4", num_frames=1)
    with pytest.raises(SourceError, match=r"it is a folder \(with 1 videos\)"):
        open_source(path.parent)
    path.unlink()
    with pytest.raises(SourceError, match="folder without videos"):
        open_source(path.parent)


def test_a_file_that_may_not_be_read_is_an_error_that_says_so(
    make_video: Callable[..., Path],
) -> None:
    path = make_video("plain.mp4", num_frames=1)
    path.chmod(0)
    try:
        path.open("rb").close()
    except PermissionError:
        with pytest.raises(SourceError, match="not allowed to read it"):
            open_source(path)
    else:
        pytest.skip("this user may read everything")


def test_a_camera_that_is_not_there_is_an_error_that_says_so() -> None:
    with pytest.raises(SourceError, match="camera"):
        open_source(99)


def test_a_graph_that_libav_does_not_understand_is_an_error() -> None:
    with pytest.raises(SourceError, match="not a graph"):
        open_source("lavfi:no_such_filter=1")
    with pytest.raises(SourceError, match="no video stream"):
        open_source("lavfi:sine")


def test_options_that_make_no_sense_are_refused(make_video: Callable[..., Path]) -> None:
    path = make_video("plain.mp4", num_frames=1)
    with pytest.raises(ConfigError, match="max_size"):
        open_source(path, max_size=0)
    with pytest.raises(ConfigError, match="buffer_frames"):
        open_source(path, buffer_frames=0)
    with pytest.raises(ConfigError, match="backend"):
        open_source(path, backend="vlc")  # type: ignore[arg-type]


def test_a_missing_package_is_named(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video("plain.mp4", num_frames=1)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"vidcache\[run\]"):
        open_source(path)


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}])
def test_a_file_that_was_cut_off_says_so(
    make_video: Callable[..., Path], options: dict[str, str]
) -> None:
    name = "cut.mp4" if options else "cut.mkv"
    path = make_video(name, num_frames=75, container_options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_source(path) as source:
        frames = list(source)
        assert source.truncated
    assert 5 < len(frames) < 70


def test_a_file_that_was_left_early_is_not_called_truncated(
    make_video: Callable[..., Path],
) -> None:
    with open_source(make_video("whole.mp4", num_frames=60)) as source:
        next(source)
    assert not source.truncated


def test_a_file_cut_off_before_its_index_is_an_error_that_says_so(
    make_video: Callable[..., Path],
) -> None:
    path = make_video("cut.mp4", num_frames=75)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SourceError, match="cut off before its index was written"):
        open_source(path)


def test_decoding_goes_on_after_damage_and_says_where(make_video: Callable[..., Path]) -> None:
    path = make_video("damaged.mp4", num_frames=60, gop=20)
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for position, size in packets[25:27]:
        assert position is not None
        data[position : position + size] = bytes(size)
    path.write_bytes(data)
    with open_source(path) as source:
        frames = list(source)
    tainted = {round(f.pts_seconds * 25) for f in frames if "tainted" in f.flags}
    assert len(frames) >= 55
    assert tainted
    assert min(tainted) >= 20
    assert max(tainted) < 40
    assert not source.truncated


def test_a_synthetic_camera_is_live_only_in_real_time() -> None:
    with open_source("lavfi:testsrc2=size=64x48:rate=10:duration=1") as source:
        assert not source.is_live
        assert len(list(source)) == 10
    with open_source("lavfi:testsrc2=size=64x48:rate=50:duration=0.3,realtime") as source:
        assert source.is_live
        before = time.time()
        frames = list(source)
    assert frames[0].index == 0
    assert frames[0].pts_seconds == 0.0
    assert all(frame.time is not None and abs(frame.time - before) < 60 for frame in frames)


def test_a_slow_reader_of_a_live_source_gets_the_newest_and_a_count_of_the_rest() -> None:
    with open_source(CAMERA) as source:
        frames = [next(source)]
        for _ in range(4):
            time.sleep(0.2)
            frames.append(next(source))
        indices = [frame.index for frame in frames]
        assert source.num_dropped >= 10
    assert indices[0] == 0
    # Whatever is missing between the frames was dropped, or is in the buffer still.
    missing = indices[-1] - len(frames) + 1
    assert 0 < missing <= source.num_dropped
    steps = np.diff([frame.pts_seconds for frame in frames])
    assert np.allclose(steps, np.diff(indices) / 50, atol=1e-6)


def test_a_live_source_can_be_read_without_loss() -> None:
    uri = "lavfi:testsrc2=size=64x48:rate=100:duration=0.5,realtime"
    with open_source(uri, when_full="block") as source:
        time.sleep(0.3)
        assert [frame.index for frame in source] == list(range(50))
        assert source.num_dropped == 0


def test_leaving_early_ends_the_decoder(make_video: Callable[..., Path]) -> None:
    for uri in (make_video("plain.mp4", num_frames=100), CAMERA):
        with open_source(uri) as source:
            next(source)
            assert decoding_threads()
        assert not decoding_threads()
        assert list(source) == []
        source.close()


def test_an_exception_while_iterating_ends_the_decoder(make_video: Callable[..., Path]) -> None:
    path = make_video("plain.mp4", num_frames=100)

    def fail() -> None:
        with open_source(path) as source:
            for _ in source:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not decoding_threads()


def test_a_source_that_is_forgotten_ends_its_decoder(make_video: Callable[..., Path]) -> None:
    source = open_source(make_video("plain.mp4", num_frames=100))
    (thread,) = decoding_threads()
    del source
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


def test_the_program_ends_while_a_source_is_still_open(make_video: Callable[..., Path]) -> None:
    path = make_video("plain.mp4", num_frames=100)
    program = f"from vidcache.video import open_source; s = open_source({str(path)!r}); next(s)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr == b""


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_is_written_to_stderr_about_bad_files(tmp_path: Path, backend: str) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(1000))
    program = (
        "from vidcache.errors import SourceError\n"
        "from vidcache.video import open_source\n"
        f"try: open_source({str(tmp_path / 'bad.mp4')!r}, backend={backend!r})\n"
        "except SourceError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


def test_polling_need_not_wait() -> None:
    with open_source("lavfi:testsrc2=size=64x48:rate=2:duration=1,realtime") as source:
        first = source.poll()
        assert isinstance(first, Frame)
        assert source.poll(0) is None
        assert not source.ended
        assert isinstance(source.poll(30), Frame)
        assert source.poll(30) is None
        assert source.ended
        assert source.poll() is None


def test_one_thread_can_wait_for_many_sources() -> None:
    news = threading.Event()
    sources = [
        open_source(f"lavfi:testsrc2=size=64x48:rate=20:duration={seconds},realtime")
        for seconds in (0.3, 0.6)
    ]
    counts = [0, 0]
    for source in sources:
        source.set_listener(news.set)
    while not all(source.ended for source in sources):
        assert news.wait(30)
        news.clear()
        for number, source in enumerate(sources):
            while source.poll(0) is not None:
                counts[number] += 1
    assert counts[0] + sources[0].num_dropped == sources[0].num_seen
    assert counts[1] > counts[0] > 2


def test_every_frame_of_a_live_source_is_shown_or_counted() -> None:
    with open_source("lavfi:testsrc2=size=64x48:rate=100:duration=1,realtime") as source:
        indices = []
        for frame in source:
            indices.append(frame.index)
            time.sleep(0.05)
        assert indices[0] == 0
        assert source.num_dropped > 20
        assert source.num_seen == len(indices) + source.num_dropped == indices[-1] + 1
        assert source.dropped_by_cause["full"] == source.num_dropped


def test_a_camera_that_was_held_up_comes_back_to_the_present() -> None:
    uri = "lavfi:testsrc2=size=64x48:rate=50:duration=4,realtime=limit=60"
    with open_source(uri, when_full="block", max_latency=0.3) as source:
        indices = [next(source).index for _ in range(5)]
        time.sleep(1.5)
        indices += [frame.index for frame in source]
        counts = source.dropped_by_cause
        assert counts["late"] + counts["skipped"] > 20
        assert counts["full"] == 0
        assert source.num_seen == 200
        assert len(indices) + source.num_dropped == 200
    assert indices[-1] == 199
