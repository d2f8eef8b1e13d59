"""A source, a sink and a tracker of the pipeline that need no files."""

import threading

import numpy as np

from vidcache.errors import SourceError
from vidcache.frames import Frame, Track
from vidcache.video import SourceState, SourceStatus


class ListSource:
    """Frames from memory, as a source: at the end it stops, fails or falls silent."""

    def __init__(self, frames, *, is_live=False, error=None, silent=False, news=()):
        self._frames = [*news, *frames]
        self._next = 0
        self._error = error
        self._silent = silent
        self._closed = threading.Event()
        self.is_live = is_live
        self.known = True
        self.uri = "memory"
        self.frame_rate = 10.0
        self.duration_seconds = None
        self.num_dropped = 0
        self.dropped_by_cause = {}
        self.status = SourceStatus(SourceState.LIVE, 0.0)
        self._listener = None
        self.truncated = False

    @property
    def size(self):
        height, width = next(
            (f.image_rgb.shape[:2] for f in self._frames if isinstance(f, Frame)), (32, 48)
        )
        return width, height

    @property
    def ended(self):
        return self._closed.is_set() or (self._next == len(self._frames) and not self._silent)

    def poll(self, timeout=None):
        assert timeout == 0
        if self._closed.is_set():
            return None
        if self._next < len(self._frames):
            self._next += 1
            return self._frames[self._next - 1]
        if self._error is not None:
            raise SourceError(self._error)
        return None

    def set_listener(self, listener):
        self._listener = listener

    def close(self):
        self._closed.set()
        if self._listener is not None:
            self._listener()


class RecordingSink:
    """Keeps what it is given; it can be told to fail."""

    def __init__(self, *, fail_at=None, fail_on_open=False):
        self.header = None
        self.results = []
        self.announced = []
        self.end = None
        self.num_closed = 0
        self.closed = False
        self._fail_at = fail_at
        self._fail_on_open = fail_on_open

    def open(self, header):
        if self._fail_on_open:
            raise OSError("no room")
        self.header = header

    def write(self, frame, result):
        if result.index == self._fail_at:
            raise OSError("disk full")
        assert frame.index == result.index
        self.results.append(result)

    def announce(self, discontinuity):
        self.announced.append(discontinuity)

    def close(self, end=None):
        self.end = end
        self.num_closed += 1
        self.closed = True


class BrightestSpot:
    """A tracker that follows the brightest pixel."""

    name = "brightest"
    description = "the brightest spot"

    def __init__(self):
        self.session = 0
        self.num_seen = 0

    def update(self, image_rgb):
        self.num_seen += 1
        y, x = np.unravel_index(image_rgb[..., 0].argmax(), image_rgb.shape[:2])
        box = (float(x), float(y), float(x + 1), float(y + 1))
        return (Track(1 + self.num_seen // 100, "spot", 1.0, box),)

    def reset(self):
        self.session += 1
        self.num_seen = 0

    def twin(self):
        return BrightestSpot()


def picture(index, size=(48, 32)):
    width, height = size
    scene, change = (
        np.random.default_rng(seed).integers(0, 256, (height, width, 3)) for seed in (0, index + 1)
    )
    return ((3 * scene + change) // 4).astype(np.uint8)


def make_frames(num_frames, *, first=0, step_seconds=0.1, flags=None, sizes=None, jumps=None):
    flags, sizes, jumps = flags or {}, sizes or {}, jumps or {}
    frames, pts, size = [], 0.0, (48, 32)
    for index in range(num_frames):
        pts += jumps.get(index, 0.0)
        size = sizes.get(index, size)
        frames.append(Frame(picture(first + index, size), index, pts, flags=flags.get(index, ())))
        pts += step_seconds
    return frames
