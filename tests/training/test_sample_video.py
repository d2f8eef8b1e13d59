from pathlib import Path

import pytest

av = pytest.importorskip("av")

SAMPLE = Path(__file__).parents[2] / "sample_videos" / "actions.mp4"


def test_the_sample_video_is_short_small_and_plays_to_its_end():
    assert SAMPLE.stat().st_size < 5_000_000
    with av.open(str(SAMPLE)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height) == (640, 360)
        times = [frame.time for frame in container.decode(stream)]
    assert len(times) == 500
    assert times[0] == 0
    assert times[-1] == pytest.approx(19.96)
