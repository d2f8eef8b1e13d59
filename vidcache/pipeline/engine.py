"""One pass over any number of sources: frames in, results out, everything closed."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from vidcache.errors import ConfigError, VidcacheError
from vidcache.frames import FrameResult
from vidcache.model import TextLabels
from vidcache.pipeline.batcher import Batcher
from vidcache.pipeline.channel import Channel, ChannelPlan, Feed
from vidcache.pipeline.recall import Recall
from vidcache.pipeline.stages import Stages
from vidcache.pipeline.summary import RunSummary
from vidcache.pipeline.work import Labelled, Work

__all__ = ["Engine"]

# Fewer, and the stage that is done first waits for the slowest.
_BATCHES_AHEAD = 3


class Engine:
    """The pass itself; `results` may be iterated once.

    Sources join when they are there and leave when they end; the others do not notice. What ends
    one of several is kept as its channel's error.

    Args:
        stages: What the work on frames is done with; they are closed with the pass.
        plan: Says what is done with a source that joins, and what earlier runs know of it.
        longest_wait: Seconds that a source with a frame waits for the frames of others.
        alone: Whether there is one source only, whose errors are raised.

    Attributes:
        summaries: What was seen of every source that has ended, by name; what else was held for
            one is let go with it.
        errors: What ended sources before their end, by name.
    """

    def __init__(
        self,
        stages: Stages,
        plan: Callable[[Feed], tuple[ChannelPlan, Recall | None]],
        *,
        longest_wait: float,
        alone: bool,
    ) -> None:
        self.summaries: dict[str, RunSummary] = {}
        self.errors: dict[str, VidcacheError] = {}
        self._plan = plan
        self._alone = alone
        self._stopped = threading.Event()
        self._stages = stages
        self._batcher = Batcher(longest_wait)
        self._active: list[Channel] = []
        self._newcomers: deque[Feed] = deque()

    def add(self, feed: Feed) -> None:
        """Lets a source join. Any thread may call it while the pass goes on."""
        self._newcomers.append(feed)
        self._batcher.wake()

    def set_text_labels(self, texts: TextLabels) -> None:
        """Labels what follows by these texts. Any thread may call it while the pass goes on.

        Raises:
            ConfigError: If the model's head does not predict embeddings, or not such ones.
        """
        self._stages.set_text_labels(texts)

    def stop(self) -> None:
        """Ends the pass soon and in order. Callable from any thread and signal handler."""
        self._stopped.set()
        # A camera that is silent would keep its reader waiting; closing must not keep us, and a
        # signal handler must not take a lock that the program it interrupts may hold.
        threading.Thread(target=self._close_sources, name="vidcache-stop", daemon=True).start()

    def results(
        self, feeds: Iterator[Feed], at_once: int | None
    ) -> Generator[tuple[str, FrameResult]]:
        """Yields the name of a source and its next result, after every sink has written it.

        Args:
            feeds: The sources; the next one is asked for when there is room for it.
            at_once: How many may be watched at the same time; None for all.

        Raises:
            VidcacheError: The error of the source, where there is one only.
        """
        try:
            yield from self._loop(feeds, at_once)
        finally:
            self._finish_all()
        if self._alone:
            for error in self.errors.values():
                raise error

    def _loop(
        self, feeds: Iterator[Feed], at_once: int | None
    ) -> Generator[tuple[str, FrameResult]]:
        jobs: deque[_Job] = deque()
        while True:
            self._admit(feeds, at_once)
            if not self._active:
                return
            # Working ahead would let a camera's pictures grow old while they wait.
            ahead = 1 if any(channel.is_live for channel in self._active) else _BATCHES_AHEAD
            while len(jobs) < ahead and (job := self._begin(wait=not jobs)):
                jobs.append(job)
            if jobs:
                yield from self._complete(jobs.popleft())
            self._retire()

    def _begin(self, *, wait: bool) -> "_Job | None":
        """Starts the work on the next batch; None if there is none, or none yet."""
        start = time.perf_counter()
        gather = self._batcher.gather if wait else self._batcher.gather_now
        ready = gather(self._active)
        if not ready:
            return None
        works = [channel.take() for channel in ready]
        waited = (time.perf_counter() - start) / sum(len(work.frames) for work in works)
        return _Job(ready, works, waited, self._stages.submit(works))

    def _complete(self, job: "_Job") -> Generator[tuple[str, FrameResult]]:
        """Waits for a batch and releases its results, source by source."""
        for channel, work, labelled in zip(job.channels, job.works, job.join(), strict=True):
            channel.num_at_work -= 1
            for number, item in enumerate(labelled, 1):
                if channel.error is not None:
                    break
                item.timings["decode"] = job.waited
                is_last = work.is_last and number == len(labelled)
                try:
                    result = channel.release(item, is_last=is_last)
                except VidcacheError as error:
                    self._fail(channel, error)
                    break
                yield channel.name, result

    def _admit(self, feeds: Iterator[Feed], at_once: int | None) -> None:
        """Lets sources join while there is room."""
        while not self._stopped.is_set() and (at_once is None or len(self._active) < at_once):
            feed = self._newcomers.popleft() if self._newcomers else next(feeds, None)
            if feed is None:
                return
            active = [channel.name for channel in self._active]
            if feed.name in self.summaries or feed.name in active:
                raise ConfigError(
                    f"two sources are called {feed.name!r}: each needs a name of its own"
                )
            plan, recall = self._plan(feed)
            channel = Channel(feed, plan, self._stages.join(recall), self._stopped)
            self._active.append(channel)
            try:
                # What a camera will send is known when it has sent something.
                if feed.source.known:
                    channel.open()
            except VidcacheError as error:
                self._fail(channel, error)
            feed.source.set_listener(self._batcher.wake)

    def _retire(self) -> None:
        """Lets sources leave that are over."""
        for channel in [channel for channel in self._active if channel.is_over]:
            self._finish(channel)

    def _finish(self, channel: Channel) -> None:
        self._active.remove(channel)
        channel.feed.source.set_listener(None)
        try:
            channel.finish(self._stages.leave(channel.seat))
        except VidcacheError as error:
            self._fail(channel, error)
        finally:
            if channel.summary is not None:
                self.summaries[channel.name] = channel.summary
            if channel.error is not None:
                self.errors[channel.name] = channel.error
            if not self._alone:
                channel.feed.source.close()

    def _finish_all(self) -> None:
        """Closes everything, whatever fails on the way; the first failure is raised."""
        self._stages.close()
        with contextlib.ExitStack() as rest:
            for channel in reversed(self._active):
                rest.callback(self._finish, channel)

    def _fail(self, channel: Channel, error: VidcacheError) -> None:
        # Whoever reads the standard output of several sources has gone for all of them.
        if self._alone or isinstance(error.__cause__, BrokenPipeError):
            raise error
        channel.fail(error)

    def _close_sources(self) -> None:
        for channel in list(self._active):
            channel.feed.source.close()
        self._batcher.wake()


@dataclass(frozen=True)
class _Job:
    """A batch that is being worked on.

    Attributes:
        channels: The sources of the batch.
        works: Their groups.
        waited: Seconds a frame for which this batch was waited for.
        join: Waits for the labels.
    """

    channels: Sequence[Channel]
    works: Sequence[Work]
    waited: float
    join: Callable[[], list[list[Labelled]]]
