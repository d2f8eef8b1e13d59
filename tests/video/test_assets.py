"""Every real video of the assets, from end to end."""

import os
from pathlib import Path

import numpy as np
import pytest

from vidcache.frames import ActionScore, FrameResult
from vidcache.video import VideoSink, open_source

_FOLDER = Path(
    os.environ.get("VIDCACHE_TEST_ASSETS", Path(__file__).parents[3] / "shared" / "assets")
)
# Name: frames, size, length in seconds.
_VIDEOS = {
    "beam_portrait_60fps.mp4": (100, (1080, 1920), 100 / 60),
    "beam_vp9_audio.mp4": (100, (1080, 1920), 100 / 60),
    "bigbuckbunny.mp4": (132, (1280, 720), 5.28),
    "bikes.mp4": (250, (640, 272), 10.0),
    "odd_timestamps_cinepak.avi": (68, (320, 240), 29.6),
    "pedestrians_cctv.mp4": (795, (768, 576), 79.5),
    "two_people_vp9.mp4": (230, (1768, 994), 230 / 30),
}


def asset(name: str) -> Path:
    path = _FOLDER / "videos" / name
    if not path.exists():
        pytest.skip(f"needs {name} in VIDCACHE_TEST_ASSETS or ../shared/assets")
    return path


@pytest.mark.parametrize("name", _VIDEOS)
def test_every_frame_is_read_at_its_time(name: str) -> None:
    num_frames, size, seconds = _VIDEOS[name]
    with open_source(asset(name), max_size=320) as source:
        info = source.info
        assert np.isclose(info.size[0] / info.size[1], size[0] / size[1], rtol=0.01)
        times = [frame.pts_seconds for frame in source if not frame.flags]
        assert not source.truncated
    assert len(times) == num_frames
    assert times[0] == 0.0
    assert (np.diff(times) > 0).all()
    assert info.duration_seconds == pytest.approx(seconds, abs=0.01)
    assert times[-1] < seconds


@pytest.mark.parametrize("name", ["odd_timestamps_cinepak.avi", "bikes.mp4"])
def test_an_annotated_copy_has_every_frame_at_its_time(name: str, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with open_source(asset(name)) as source, VideoSink(path) as sink:
        sink.open({"frame_rate": source.frame_rate, "duration": source.duration_seconds})
        times = []
        for frame in source:
            times.append(frame.pts_seconds)
            actions = (ActionScore("walk", 0.9),)
            sink.write(frame, FrameResult(frame.index, frame.pts_seconds, "walk", actions))
        sink.close({})
    with open_source(path) as written:
        assert written.duration_seconds == pytest.approx(source.duration_seconds, abs=0.01)
        assert [frame.pts_seconds for frame in written] == pytest.approx(times, abs=1e-4)


@pytest.mark.parametrize("name", ["beam_portrait_60fps.mp4", "odd_timestamps_cinepak.avi"])
def test_both_backends_show_the_same_pictures(name: str) -> None:
    with open_source(asset(name)) as one, open_source(asset(name), backend="opencv") as other:
        for _ in range(5):
            first, second = next(one), next(other)
            assert np.abs(first.image_rgb.astype(int) - second.image_rgb).mean() < 2
            assert first.pts_seconds == pytest.approx(second.pts_seconds, abs=1e-3)
