"""Models and settings, ready to label one source after the other."""

from collections.abc import Iterator, Sequence

from vidcache.cache import PrefixCache
from vidcache.config import Config
from vidcache.frames import FrameResult
from vidcache.model import ActionModel
from vidcache.pipeline.events import EventDetector
from vidcache.pipeline.header import header_record
from vidcache.pipeline.loading import load_model, load_tracker, open_prefix_cache
from vidcache.pipeline.run import Run, RunPlan
from vidcache.pipeline.summary import RunSummary
from vidcache.tracking import Tracker
from vidcache.video import Sink, Source

__all__ = ["Pipeline"]

# An action that has begun is held while its score stays above this share of what began it.
_LEAVE_SHARE = 0.75


class Pipeline:
    """Labels what sources show and follows the objects in them, one source at a time.

    Args:
        model: The action model.
        tracker: Detector and tracker; None follows no objects.
        config: Settings of the run: threshold, events, group size, limits. Those that name
            models, sources, outputs and folders are not used here.
        prefix_cache: What is known of the beginnings of files. A file that begins like an earlier
            one has its known frames labelled without encoder and head, to the bit as before.

    Raises:
        ConfigError: If the event thresholds contradict each other.

    Example:
        >>> from vidcache import Config, Pipeline, open_source
        >>> pipeline = Pipeline.from_config(Config(detector="none"))
        >>> with open_source("lavfi:testsrc2=size=64x48:rate=10:duration=1") as source:
        ...     results = list(pipeline.run(source))
        >>> len(results), pipeline.summary.truncated
        (10, False)
    """

    def __init__(
        self,
        model: ActionModel,
        tracker: Tracker | None = None,
        *,
        config: Config | None = None,
        prefix_cache: PrefixCache | None = None,
    ) -> None:
        self.model = model
        self.tracker = tracker
        self.config = config if config is not None else Config()
        self.prefix_cache = prefix_cache
        chosen = self.config.threshold
        self.threshold = model.threshold if chosen is None else chosen
        self._run: Run | None = None
        self._make_events()

    @classmethod
    def from_config(cls, config: Config) -> "Pipeline":
        """Loads the models that the settings name.

        Raises:
            ModelError: If a model cannot be found, fetched or read.
            ConfigError: If a tracker, a device or a setting is unknown, or a folder cannot be used.
            MissingExtraError: If a package is missing.
        """
        # The tracker's settings are checked first, and a model is quicker to refuse than to load.
        model = load_model(config)
        return cls(
            model,
            load_tracker(config),
            config=config,
            prefix_cache=open_prefix_cache(config, model),
        )

    @property
    def summary(self) -> RunSummary:
        """What the last run has seen, once it is over.

        Raises:
            RuntimeError: If no run has ended yet.
        """
        if self._run is None or self._run.summary is None:
            raise RuntimeError("the summary is known when a run has ended, and none has")
        return self._run.summary

    def stop(self) -> None:
        """Ends the run soon and in order: frames at work are finished, all is closed.

        It may be called from any thread and from a signal handler.
        """
        if self._run is not None:
            self._run.stop()

    def run(
        self, source: Source, *, sinks: Sequence[Sink] = (), max_frames: int | None = None
    ) -> Iterator[FrameResult]:
        """Yields the result of each frame after every sink has written it.

        The sinks are opened here and closed when the run ends in whatever way: at the end of the
        source, after an error, or when the caller stops iterating. The source stays open.

        Args:
            source: An open source that nobody has read from.
            sinks: Outputs.
            max_frames: How many frames are read at most; None for the setting's.

        Raises:
            SourceError: If the source fails; the frames before it have been delivered.
            SinkError: If an output cannot be written.
        """
        if self._run is not None and self.tracker is not None:
            self.tracker.reset()
        plan = RunPlan(
            model=self.model,
            tracker=self.tracker,
            threshold=self.threshold,
            events=self._make_events(),
            group_size=self.config.batch,
            gaps=self.config.gaps,
            max_frames=self.config.max_frames if max_frames is None else max_frames,
            prefixes=self.prefix_cache,
        )
        self._run = Run(plan, source, sinks)
        yield from self._run.results(
            header_record(source, self.model, self.tracker, config=self.config)
        )

    def _make_events(self) -> EventDetector:
        settings = self.config.events
        enter = self.threshold if settings.enter is None else settings.enter
        return EventDetector(
            enter=enter,
            leave=_LEAVE_SHARE * enter if settings.leave is None else settings.leave,
            min_seconds=settings.min_seconds,
            min_gap_seconds=settings.min_gap_seconds,
            # The first label is that of an empty picture: nothing begins or ends with it.
            ignored=frozenset(self.model.labels[:1]),
        )
