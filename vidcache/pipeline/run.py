"""One pass over one source: frames in, results out, sinks served, everything closed."""

import dataclasses
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vidcache.cache import PrefixCache
from vidcache.config import GapSettings
from vidcache.frames import ActionScore, Event, FrameResult
from vidcache.model import ActionModel
from vidcache.pipeline.events import EventDetector
from vidcache.pipeline.gaps import GapDetector
from vidcache.pipeline.outputs import Outputs
from vidcache.pipeline.reading import FrameGroup, GroupReader
from vidcache.pipeline.recall import Recall
from vidcache.pipeline.stages import Labelled, Stages
from vidcache.pipeline.summary import RunSummary, SummaryBuilder
from vidcache.pipeline.timer import StageTimer
from vidcache.tracking import Tracker
from vidcache.video import Sink, Source

__all__ = ["UNSURE", "Run", "RunPlan"]

UNSURE = "unsure"
"""The action shown while no score reaches the threshold."""

_GROUPS_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """What a pass needs to know besides its source.

    Attributes:
        model: The action model.
        tracker: The tracker, as new; None follows no objects.
        threshold: Score below which the action shown is ``unsure``.
        events: Finds starts and ends; as new.
        group_size: Frames of a file that are worked on together.
        gaps: What counts as a break in the stream, and what it does.
        max_frames: How many frames are read at most; None for all.
        prefixes: What is known of the beginnings of files, or None.
    """

    model: ActionModel
    tracker: Tracker | None
    threshold: float
    events: EventDetector
    group_size: int
    gaps: GapSettings
    max_frames: int | None
    prefixes: PrefixCache | None = None


class Run:
    """The pass itself; `results` may be iterated once.

    Args:
        plan: What to do.
        source: An open source that nobody has read from. Only `stop` closes it.
        sinks: Outputs, opened and closed here.

    Attributes:
        summary: What was seen; known once the iteration is over.
    """

    def __init__(self, plan: RunPlan, source: Source, sinks: Sequence[Sink]) -> None:
        self.summary: RunSummary | None = None
        self._plan = plan
        self._source = source
        self._stopped = threading.Event()
        self._timer = StageTimer()
        self._outputs = Outputs(sinks, self._timer)
        self._reader = GroupReader(
            source,
            size=1 if source.is_live else plan.group_size,
            max_frames=plan.max_frames,
            stop=self._stopped,
            timer=self._timer,
        )
        # Working ahead would let a camera's pictures grow old while they wait.
        self._groups_ahead = 1 if source.is_live else _GROUPS_AHEAD
        self._gaps = GapDetector(plan.gaps)
        recall = None
        if plan.prefixes is not None and not source.is_live:
            recall = Recall(plan.prefixes, plan.model, plan.group_size)
        self._stages = Stages(plan.model, plan.tracker, self._timer, recall)
        self._builder = SummaryBuilder()
        self._next_index = 0

    def stop(self) -> None:
        """Ends the pass soon and in order. Callable from any thread and signal handler."""
        self._stopped.set()
        # A camera that is silent would keep the reader waiting; closing must not keep us.
        threading.Thread(target=self._source.close, name="vidcache-stop", daemon=True).start()

    def results(self, header: Mapping[str, Any]) -> Iterator[FrameResult]:
        """Yields each result after every sink has written it.

        Raises:
            SourceError: If the source fails; the frames before it have been delivered.
            SinkError: If an output cannot be written.
        """
        complete = False
        try:
            self._outputs.open(header)
            yield from self._loop()
            complete = not self._reader.truncated
        finally:
            self._finish(truncated=not complete)
        if self._reader.error is not None:
            raise self._reader.error

    def _loop(self) -> Iterator[FrameResult]:
        jobs: deque[Callable[[], list[Labelled]]] = deque()
        while True:
            while len(jobs) < self._groups_ahead and not self._reader.ended:
                group = self._reader.read()
                if group is not None:
                    jobs.append(self._submit(group))
            if not jobs:
                return
            labelled = jobs.popleft()()
            for number, item in enumerate(labelled, 1):
                is_last = self._reader.ended and not jobs and number == len(labelled)
                yield self._release(item, is_last=is_last)

    def _submit(self, group: FrameGroup) -> Callable[[], list[Labelled]]:
        return self._stages.submit(group, [self._gaps.update(frame) for frame in group.frames])

    def _release(self, item: Labelled, *, is_last: bool) -> FrameResult:
        frame = item.frame
        scores = {score.label: score.score for score in item.scores}
        events = self._plan.events.update(frame.index, frame.pts_seconds, scores)
        result = FrameResult(
            index=frame.index,
            pts_seconds=frame.pts_seconds,
            action=self._shown(item.scores),
            actions=item.scores,
            objects=item.objects,
            session=item.session,
            time=frame.time,
            flags=frame.flags,
            events=(*item.gaps, *events),
            timings=item.timings,
        )
        self._builder.add(result)
        self._next_index = frame.index + 1
        if is_last:
            result = dataclasses.replace(result, events=(*result.events, *self._open_ends()))
        self._outputs.write(frame, result)
        return result

    def _shown(self, scores: Sequence[ActionScore]) -> str:
        if not scores or scores[0].score < self._plan.threshold:
            return UNSURE
        return scores[0].label

    def _open_ends(self) -> list[Event]:
        return self._plan.events.finish(self._next_index, self._builder.end_pts_seconds)

    def _finish(self, *, truncated: bool) -> None:
        try:
            self._stages.close()
        finally:
            self._outputs.count_background_times()
            self.summary = self._builder.build(
                truncated=truncated,
                num_dropped=self._source.num_dropped,
                cache=self._stages.cache_stats(),
                timer=self._timer,
            )
            # Ends that only the end of the stream reveals follow the last frame's record.
            self._outputs.close({**self.summary.end_record(), "events": self._open_ends()})
