"""What a run has seen and how long it took."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vidcache.frames import PREDICTED, Discontinuity, FrameResult
from vidcache.pipeline.timer import StageTime, StageTimer
from vidcache.video import Source

__all__ = ["RunSummary", "SummaryBuilder"]


@dataclass(frozen=True)
class RunSummary:
    """What one source gave.

    Attributes:
        num_frames: Frames with a result.
        dropped_by_cause: Frames of a live source that were left out; see
            `Source.dropped_by_cause`.
        num_tainted: Frames that were damaged and kept out of the temporal cache.
        truncated: Whether the source was not read to its end.
        seconds: Wall-clock time of the run.
        video_seconds: Presentation time that the frames cover.
        action_seconds: How long each action was shown, longest first.
        object_action_seconds: How long objects were seen doing each action, all of them added up,
            longest first; empty where objects are not labelled one by one.
        num_predicted: Frames that no detector looked at while objects were followed.
        num_objects: How many objects were followed for half a second or more, by label.
        most_objects: Most objects in one frame.
        cache: Counters of the temporal cache.
        stages: Time of each stage.
    """

    num_frames: int
    dropped_by_cause: Mapping[str, int]
    num_tainted: int
    truncated: bool
    seconds: float
    video_seconds: float
    action_seconds: Mapping[str, float]
    num_objects: Mapping[str, int]
    most_objects: int
    cache: Mapping[str, Any]
    stages: Mapping[str, StageTime]
    object_action_seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    num_predicted: int = 0

    @property
    def num_dropped(self) -> int:
        """Frames of a live source that were left out, whatever the cause."""
        return sum(self.dropped_by_cause.values())

    @property
    def fps(self) -> float:
        """Frames a second of wall-clock time."""
        return self.num_frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def num_looks(self) -> int:
        """Frames that a detector looked at, where objects were followed."""
        return self.num_frames - self.num_predicted

    @property
    def look_share(self) -> float:
        """Share of the frames that a detector looked at; 1 if there were none."""
        return self.num_looks / self.num_frames if self.num_frames else 1.0

    def end_record(self) -> dict[str, Any]:
        """The fields of the ``end`` record of the JSONL schema."""
        looks = {"looks": {"frames": self.num_looks, "share": round(self.look_share, 4)}}
        return {
            "frames": self.num_frames,
            "dropped": self.num_dropped,
            "dropped_by_cause": dict(self.dropped_by_cause),
            "tainted": self.num_tainted,
            "truncated": self.truncated,
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 2),
            "cache": dict(self.cache),
            "timings": {
                name: {
                    "mean_ms": round(1000 * stage.mean_seconds, 3),
                    "total_seconds": round(stage.total_seconds, 3),
                }
                for name, stage in self.stages.items()
            },
            **(looks if self.num_predicted else {}),
        }


class SummaryBuilder:
    """Adds up results as they come; its memory does not grow with the stream."""

    # A track that breaks off sooner is more often a mistake than somebody.
    _SHORTEST_TRACK_SECONDS = 0.5
    # Object numbers grow, so one that lies this far behind the newest will not come back.
    _REMEMBERED_IDS = 10_000

    def __init__(self) -> None:
        self.num_frames = 0
        self._num_tainted = 0
        self._num_predicted = 0
        self._start = time.perf_counter()
        self._first_pts = 0.0
        self._last: FrameResult | None = None
        self._interval = 0.0
        self._action_seconds: dict[str, float] = {}
        self._object_seconds: dict[str, float] = {}
        self._num_objects: dict[str, int] = {}
        self._most_objects = 0
        self._session = 0
        # When each object was first seen; None once it has been counted.
        self._first_seen: dict[int, float | None] = {}

    @property
    def end_pts_seconds(self) -> float:
        """Presentation time at which the last frame is over, as far as one can tell."""
        return self._last.pts_seconds + self._interval if self._last else 0.0

    def add(self, result: FrameResult) -> None:
        """Counts one frame."""
        last = self._last
        if last is None:
            self._first_pts = result.pts_seconds
        elif not any(isinstance(event, Discontinuity) for event in result.events):
            self._interval = max(0.0, result.pts_seconds - last.pts_seconds)
            _add_actions(last, self._interval, self._action_seconds, self._object_seconds)
        self.num_frames += 1
        self._num_tainted += "tainted" in result.flags
        self._num_predicted += PREDICTED in result.flags
        self._count_objects(result)
        self._last = result

    def build(
        self,
        *,
        truncated: bool,
        source: Source,
        cache: Mapping[str, Any],
        timer: StageTimer,
    ) -> RunSummary:
        """The summary of what was added so far.

        Args:
            truncated: Whether the source was not read to its end.
            source: The source, which knows what it dropped.
            cache: Counters of the temporal cache.
            timer: The time of each stage.
        """
        of_frames, of_objects = dict(self._action_seconds), dict(self._object_seconds)
        if self._last is not None:
            _add_actions(self._last, self._interval, of_frames, of_objects)
        return RunSummary(
            num_frames=self.num_frames,
            dropped_by_cause=source.dropped_by_cause,
            num_tainted=self._num_tainted,
            truncated=truncated,
            seconds=time.perf_counter() - self._start,
            video_seconds=self.end_pts_seconds - self._first_pts if self._last else 0.0,
            action_seconds=_longest_first(of_frames),
            num_objects=dict(self._num_objects),
            most_objects=self._most_objects,
            cache=cache,
            stages=timer.totals(),
            object_action_seconds=_longest_first(of_objects),
            num_predicted=self._num_predicted,
        )

    def _count_objects(self, result: FrameResult) -> None:
        self._most_objects = max(self._most_objects, len(result.objects))
        if result.session != self._session:
            self._session = result.session
            self._first_seen.clear()
        for track in result.objects:
            first = self._first_seen.setdefault(track.id, result.pts_seconds)
            if first is None or result.pts_seconds - first < self._SHORTEST_TRACK_SECONDS:
                continue
            self._first_seen[track.id] = None
            self._num_objects[track.label] = self._num_objects.get(track.label, 0) + 1
        if len(self._first_seen) > 2 * self._REMEMBERED_IDS:
            newest = sorted(self._first_seen)[-self._REMEMBERED_IDS :]
            self._first_seen = {number: self._first_seen[number] for number in newest}


def _add_actions(
    result: FrameResult, seconds: float, of_frames: dict[str, float], of_objects: dict[str, float]
) -> None:
    """Counts what a frame shows for as long as it is shown."""
    of_frames[result.action] = of_frames.get(result.action, 0.0) + seconds
    for track in result.objects:
        if track.action is not None:
            of_objects[track.action] = of_objects.get(track.action, 0.0) + seconds


def _longest_first(seconds: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))
