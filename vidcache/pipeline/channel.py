"""All that belongs to one source while it is watched, except the models that it shares."""

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vidcache.config import GapSettings
from vidcache.errors import VidcacheError
from vidcache.frames import (
    PREDICTED,
    ActionScore,
    Discontinuity,
    Event,
    FrameResult,
    LabelChange,
    Track,
)
from vidcache.pipeline.events import EventDetector
from vidcache.pipeline.gap_policy import GapPolicy, StreamSeconds
from vidcache.pipeline.gaps import GapDetector
from vidcache.pipeline.object_events import ObjectEvents
from vidcache.pipeline.outputs import Outputs
from vidcache.pipeline.reading import FrameGroup, GroupReader
from vidcache.pipeline.seats import Seat
from vidcache.pipeline.summary import RunSummary, SummaryBuilder
from vidcache.pipeline.timer import StageTimer
from vidcache.pipeline.work import Labelled, Work
from vidcache.tracking import Tracker
from vidcache.video import Sink, Source, SourceState

__all__ = ["UNSURE", "Channel", "ChannelPlan", "Feed"]

UNSURE = "unsure"
"""The action shown while no score reaches the threshold."""


@dataclasses.dataclass(frozen=True)
class Feed:
    """A source, and where its results go.

    Attributes:
        name: What the source is called in results, messages and file names.
        source: An open source that nobody has read from.
        sinks: Outputs, opened and closed by the run.
    """

    name: str
    source: Source
    sinks: Sequence[Sink] = ()


@dataclasses.dataclass(frozen=True)
class ChannelPlan:
    """What is done with one source.

    Attributes:
        tracker: The source's own tracker, as new; None follows no objects.
        threshold: Score below which the action shown is ``unsure``.
        events: Finds starts and ends of what the whole picture shows; as new. None where only
            objects are labelled.
        object_threshold: Score below which an object's action is ``unsure``.
        object_events: Finds starts and ends of what each object does; as new.
        group_size: Frames of a file that are worked on together.
        gaps: What a break in the stream is, and what it does.
        max_frames: How many frames are read at most; None for all.
        header: Makes the first record of the results, once the source is known or was lost.
    """

    tracker: Tracker | None
    threshold: float
    events: EventDetector | None
    object_threshold: float
    object_events: ObjectEvents
    group_size: int
    gaps: GapSettings
    max_frames: int | None
    header: Callable[[], Mapping[str, Any]]


class Channel:
    """One source of a run: frames come in as groups of work and go out as results.

    Args:
        feed: The source and its outputs.
        plan: What is done with it.
        seat: Its place in the temporal cache.
        stop: Set by anyone to end the reading.

    Attributes:
        pending: A group that was read and is not worked on yet.
        num_at_work: Groups that are being worked on.
        error: What it failed with.
        summary: What was seen, once it is over.
    """

    def __init__(self, feed: Feed, plan: ChannelPlan, seat: Seat, stop: threading.Event) -> None:
        self.feed = feed
        self.seat = seat
        self.pending: FrameGroup | None = None
        self.num_at_work = 0
        self.error: VidcacheError | None = None
        self.summary: RunSummary | None = None
        self._plan = plan
        self._reader = GroupReader(
            feed.source,
            size=1 if feed.source.is_live else plan.group_size,
            max_frames=plan.max_frames,
            stop=stop,
        )
        self._timer = StageTimer()
        self._outputs = Outputs(feed.sinks, self._timer)
        self._first_session = plan.tracker.session if plan.tracker is not None else 0
        self._gaps = GapDetector(plan.gaps)
        self._gap_policy = GapPolicy(plan.gaps)
        self._seconds = StreamSeconds()
        self._builder = SummaryBuilder()
        self._next_index = 0
        self._is_open = False
        self._labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the source is called."""
        return self.feed.name

    @property
    def is_live(self) -> bool:
        """Whether the source goes on in real time."""
        return self.feed.source.is_live

    @property
    def is_due(self) -> bool:
        """Whether others should wait a little for its next group: it is on its way."""
        if self.pending is not None or self._reader.ended:
            return False
        return not self.is_live or self.feed.source.status.state is SourceState.LIVE

    @property
    def is_over(self) -> bool:
        """Whether its last frame has been released."""
        return self._reader.ended and self.pending is None and self.num_at_work == 0

    def open(self) -> None:
        """Opens its outputs, if they are not open.

        Raises:
            SinkError: If one cannot be opened.
        """
        if not self._is_open:
            self._is_open = True
            header = self._plan.header()
            self._labels = tuple(header["labels"])
            self._outputs.open(header)

    def poll(self) -> None:
        """Takes its next group, if it is there; news of a lost camera go to its outputs."""
        while self.pending is None and not self._reader.ended:
            item = self._reader.poll()
            if not isinstance(item, Discontinuity):
                self.pending = item
                return
            try:
                self.open()
                self._outputs.announce(item)
            except VidcacheError as error:
                self.fail(error)

    def take(self) -> Work:
        """Hands out the pending group as work."""
        assert self.pending is not None, "a group is taken once it is there"
        group, self.pending = self.pending, None
        self.num_at_work += 1
        gaps = tuple(self._gaps.update(frame) for frame in group.frames)
        actions = tuple(self._gap_policy.decide(found) for found in gaps)
        seconds = tuple(
            self._seconds.next(frame.pts_seconds, action)
            for frame, action in zip(group.frames, actions, strict=True)
        )
        return Work(
            seat=self.seat,
            tracker=self._plan.tracker,
            frames=group.frames,
            gaps=gaps,
            actions=actions,
            seconds=seconds,
            is_live=self.is_live,
            is_last=group.is_last,
        )

    def release(self, item: Labelled, *, is_last: bool) -> FrameResult:
        """Turns one frame's labels into a result, and gives it to the outputs.

        Args:
            item: The labels.
            is_last: Whether no frame comes after it: then what is open ends with it.

        Raises:
            SinkError: If an output cannot be written.
        """
        for stage, seconds in item.timings.items():
            self._timer.add(stage, seconds)
        self.open()
        frame = item.frame
        session = item.session - self._first_session
        events = self._events(item, session)
        result = FrameResult(
            index=frame.index,
            pts_seconds=frame.pts_seconds,
            action=_shown(item.scores, self._plan.threshold),
            actions=item.scores,
            objects=tuple(self._with_action(track, item) for track in item.objects),
            session=session,
            time=frame.time,
            flags=(*frame.flags, PREDICTED) if item.is_predicted else frame.flags,
            events=(*item.gaps, *self._label_changes(item), *events),
            timings=item.timings,
        )
        self._builder.add(result)
        self._next_index = frame.index + 1
        if is_last:
            result = dataclasses.replace(result, events=(*result.events, *self._open_ends()))
        self._outputs.write(frame, result)
        return result

    def fail(self, error: VidcacheError) -> None:
        """Ends it because of an error that is its own: no more groups come."""
        self.error = error
        self.pending = None
        self._reader.ended = True

    def finish(self, cache: Mapping[str, Any]) -> None:
        """Writes the end record and closes its outputs.

        Args:
            cache: Counters of its temporal cache.

        Raises:
            SinkError: If an output cannot be finished.
        """
        over = self.is_over and self.error is None
        self.error = self.error or self._reader.error
        if self.error is None:
            self.open()
        self._outputs.count_background_times()
        self.summary = self._builder.build(
            truncated=self._reader.truncated or not over,
            source=self.feed.source,
            cache=cache,
            timer=self._timer,
        )
        # Ends that only the end of the stream reveals follow the last frame's record.
        self._outputs.close({**self.summary.end_record(), "events": self._open_ends()})

    def _label_changes(self, item: Labelled) -> list[LabelChange]:
        """That a frame is scored by other labels than the outputs know of, if it is."""
        if item.labels in ((), self._labels):
            return []
        self._labels = item.labels
        return [LabelChange(item.frame.index, item.frame.pts_seconds, item.labels)]

    def _events(self, item: Labelled, session: int) -> list[Event]:
        """What became known with a frame to have begun or ended."""
        frame = item.frame
        events: list[Event] = []
        if self._plan.events is not None:
            scores = {score.label: score.score for score in item.scores}
            events += self._plan.events.update(frame.index, frame.pts_seconds, scores)
        # A damaged picture neither shows nor hides anybody.
        if "tainted" not in frame.flags:
            events += self._plan.object_events.update(
                frame.index, frame.pts_seconds, session, item.object_scores
            )
        return events

    def _with_action(self, track: Track, item: Labelled) -> Track:
        scores = item.object_scores.get(track.id)
        if scores is None:
            return track
        action = _shown(scores, self._plan.object_threshold)
        score = scores[0].score if scores else None
        return dataclasses.replace(track, action=action, action_score=score)

    def _open_ends(self) -> list[Event]:
        index, end = self._next_index, self._builder.end_pts_seconds
        events = [] if self._plan.events is None else self._plan.events.finish(index, end)
        return events + self._plan.object_events.finish(index, end)


def _shown(scores: Sequence[ActionScore], threshold: float) -> str:
    return scores[0].label if scores and scores[0].score >= threshold else UNSURE
