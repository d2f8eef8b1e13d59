"""What sinks are fed with in tests."""

import numpy as np

from vidcache.frames import ActionScore, Frame, FrameResult, Track

HEADER = {
    "source": "camera.mp4",
    "labels": ["nobody", "walk"],
    "size": [64, 48],
    "frame_rate": 25.0,
}


def make_frame(index: int, pts_seconds: float | None = None, size=(64, 48), seed=None) -> Frame:
    """A plain picture, or one of noise (``seed``) that takes room when it is encoded."""
    shape = (size[1], size[0], 3)
    image = np.full(shape, index * 5 % 250, np.uint8)
    if seed is not None:
        image = np.random.default_rng(seed + index).integers(0, 255, shape, dtype=np.uint8)
    return Frame(image, index, index / 25 if pts_seconds is None else pts_seconds)


def make_track(number: int, label: str = "person", left: float = 2.0) -> Track:
    return Track(number, label, 0.75, (left, 4.0, left + 10.5, 24.0))


def make_result(index: int, pts_seconds: float | None = None, **fields) -> FrameResult:
    values = {
        "action": "walk",
        "actions": (ActionScore("walk", 0.9), ActionScore("nobody", 0.1)),
        **fields,
    }
    return FrameResult(index, index / 25 if pts_seconds is None else pts_seconds, **values)


def feed(sink, results, *, header=HEADER, end=None) -> None:
    """Open a sink, give it results with plain pictures, and close it."""
    with sink:
        sink.open(dict(header))
        for result in results:
            sink.write(make_frame(result.index, result.pts_seconds), result)
        sink.close({"frames": 0} if end is None else end)
