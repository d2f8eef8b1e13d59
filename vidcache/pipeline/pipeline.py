"""Models and settings, ready to label one source after the other."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from vidcache.cache import PrefixCache
from vidcache.config import Config
from vidcache.encoder.features import FeatureCache
from vidcache.errors import ConfigError, VidcacheError
from vidcache.frames import FrameResult
from vidcache.model import ActionModel, TextLabels
from vidcache.model.head_weights import choose_head_weights
from vidcache.pipeline.cadence import check_cadence
from vidcache.pipeline.channel import ChannelPlan, Feed
from vidcache.pipeline.engine import Engine
from vidcache.pipeline.events import EventDetector
from vidcache.pipeline.feature_cache import check_feature_cache, open_feature_cache
from vidcache.pipeline.header import header_record
from vidcache.pipeline.loading import load_model, load_tracker, open_prefix_cache
from vidcache.pipeline.object_events import ObjectEvents
from vidcache.pipeline.object_loading import (
    check_models,
    join_object_models,
    load_object_model,
    needs_action_model,
)
from vidcache.pipeline.object_models import ObjectModels
from vidcache.pipeline.object_stage import ObjectStage
from vidcache.pipeline.recall import Recall
from vidcache.pipeline.stages import Stages
from vidcache.pipeline.summary import RunSummary
from vidcache.tracking import Tracker
from vidcache.video import Sink, Source

__all__ = ["Pipeline"]

# An action that has begun is held while its score stays above this share of what began it.
_LEAVE_SHARE = 0.75


class Pipeline:
    """Labels what sources show and follows the objects in them, one by one or several at once.

    Args:
        model: The action model of whole pictures; None where only objects are labelled.
        tracker: Detector and tracker; None follows no objects.
        config: Settings of the run: threshold, events, group size, limits. Those that name
            models, sources, outputs and folders are not used here.
        prefix_cache: What is known of the beginnings of files. A file that begins like an earlier
            one has its known frames labelled without encoder and head, to the bit as before.
        feature_cache: Where features of pictures are kept, also from run to run, so that one that
            was seen is not encoded again; None keeps none.
        objects: What labels every tracked person; None labels none. Without an action model, the
            actions of a frame are for each label the best score among the objects.

    Raises:
        ConfigError: If the event thresholds contradict each other, there is no model at all,
            objects are to be labelled and none are followed, the detector is to leave out frames
            and the tracker cannot predict, or the caches and the settings contradict each other.

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
        model: ActionModel | None,
        tracker: Tracker | None = None,
        *,
        config: Config | None = None,
        prefix_cache: PrefixCache | None = None,
        feature_cache: FeatureCache | None = None,
        objects: ObjectModels | None = None,
    ) -> None:
        check_models(model, tracker, objects, prefix_cache)
        self.model = model
        self.tracker = tracker
        self.config = config if config is not None else Config()
        check_cadence(self.config.track.detect_every, tracker)
        self.prefix_cache = prefix_cache
        self.feature_cache = feature_cache
        self.objects = objects
        check_feature_cache(self.config, feature_cache, prefix_cache)
        self._engine: Engine | None = None
        self._make_events()
        self._make_object_events()

    @classmethod
    def from_config(cls, config: Config, *, live: bool = False) -> "Pipeline":
        """Loads the models that the settings name.

        Args:
            config: The settings.
            live: Whether frames may come one by one, in real time. The camera head gets fp16
                weights where these are faster, for single frames or for the groups of files; for
                single frames int8 weights too, where they are faster and nearly as good.

        Raises:
            ModelError: If a model cannot be found, fetched or read.
            ConfigError: If a tracker, a device or a setting is unknown, or a folder cannot be used.
            MissingExtraError: If a package is missing.
        """
        objects = load_object_model(config)
        # The tracker's settings are checked first, and a model is quicker to refuse than to load.
        model = load_model(config) if needs_action_model(config, objects) else None
        tracker = load_tracker(config, objects)
        if model is not None and config.precision != "fp32":
            choose_head_weights(model, 1 if live else config.batch)
        whole = model if config.actions != "per-object" else None
        return cls(
            whole,
            tracker,
            config=config,
            prefix_cache=open_prefix_cache(config, whole),
            feature_cache=open_feature_cache(config, whole),
            objects=objects and join_object_models(config, objects, model, tracker),
        )

    @property
    def threshold(self) -> float:
        """Score below which the action shown of a frame is ``unsure``."""
        if self.config.threshold is not None:
            return self.config.threshold
        return self.object_threshold if self.model is None else self.model.threshold

    @property
    def object_threshold(self) -> float:
        """Score below which the action of an object is ``unsure``; 1 where none is labelled."""
        if self.config.objects.threshold is not None:
            return self.config.objects.threshold
        return 1.0 if self.objects is None else self.objects.model.threshold

    @property
    def summary(self) -> RunSummary:
        """What the last run has seen, once it is over; of several sources, the first one.

        Raises:
            RuntimeError: If no run has ended yet.
        """
        for summary in self.summaries.values():
            return summary
        raise RuntimeError("the summary is known when a run has ended, and none has")

    @property
    def summaries(self) -> dict[str, RunSummary]:
        """What the last run has seen so far of every source that has ended, by name."""
        return dict(self._engine.summaries) if self._engine is not None else {}

    @property
    def errors(self) -> dict[str, VidcacheError]:
        """What ended sources of the last run before their end, by name."""
        return dict(self._engine.errors) if self._engine is not None else {}

    def stop(self) -> None:
        """Ends the run soon and in order: frames at work are finished, all is closed.

        It may be called from any thread and from a signal handler.
        """
        if self._engine is not None:
            self._engine.stop()

    def set_text_labels(self, texts: TextLabels) -> None:
        """Labels pictures by these texts from now on; any thread may call it during a run.

        Frames that are being worked on keep the labels that they have; the results of the next
        ones say so with a `LabelChange`. Nothing of what the streams remember is lost: the scores
        are those that these labels would have had from the beginning.

        Args:
            texts: The labels.

        Raises:
            ConfigError: If the model's head does not predict embeddings, or not such ones.
        """
        if self.model is None:
            raise ConfigError(
                "only objects are labelled, and their labels are not texts: label whole pictures "
                "as well, with actions: both"
            )
        if self._engine is not None:
            self._engine.set_text_labels(texts)
        else:
            self.model.set_text_labels(texts)

    def add(self, feed: Feed) -> None:
        """Lets a source join while `run_many` goes on. Any thread may call it.

        Raises:
            RuntimeError: If nothing runs.
        """
        if self._engine is None:
            raise RuntimeError("a source joins a run that goes on, and none does")
        self._engine.add(feed)

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
        if self._engine is not None and self.tracker is not None:
            self.tracker.reset()
        feeds = iter([Feed(source.uri, source, sinks)])
        self._engine = self._make_engine(lambda: self.tracker, max_frames, only=source)
        with contextlib.closing(self._engine.results(feeds, None)) as results:
            for _, result in results:
                yield result

    def run_many(
        self, feeds: Iterable[Feed], *, at_once: int | None = None, max_frames: int | None = None
    ) -> Iterator[tuple[str, FrameResult]]:
        """Watches several sources together: one pass of the models serves all that have a frame.

        Each source has a row of the temporal cache, a tracker and outputs of its own, and results
        of each come in their order. A frame waits for those of other sources for at most
        ``batch_wait`` seconds, and for none that is down. Sources join and leave as they begin and
        end; an error ends its own source only, and stands in `errors` afterwards. Groups of a file
        are not mixed with other frames, so a file has the results that it has alone, to the bit;
        single frames of cameras go through encoder and head together, which changes the rounding.

        Args:
            feeds: The sources; the next one is asked for when there is room for it. Each is
                closed when it has ended.
            at_once: How many are watched at the same time; None for all.
            max_frames: How many frames are read of each at most; None for the setting's.

        Yields:
            The name of the source, and its next result.

        Raises:
            ConfigError: If two sources have one name, or the tracker cannot be had twice.
        """
        template = self.tracker
        if template is not None and not hasattr(template, "twin"):
            raise ConfigError(
                f"the tracker {template.name} has no method twin(), which gives every source one "
                "of its own: add it, or watch one source at a time"
            )
        self._engine = self._make_engine(
            lambda: None if template is None else template.twin(), max_frames
        )
        with contextlib.closing(self._engine.results(iter(feeds), at_once)) as results:
            yield from results

    def _make_engine(
        self,
        tracker: Callable[[], Tracker | None],
        max_frames: int | None,
        *,
        only: Source | None = None,
    ) -> Engine:
        limit = self.config.max_frames if max_frames is None else max_frames
        size = only.size if only is not None and only.known else None
        objects = self.objects and ObjectStage(self.objects, self.config.objects)

        def plan(feed: Feed) -> tuple[ChannelPlan, Recall | None]:
            mine = tracker()
            recall = None
            if self.prefix_cache is not None and self.model is not None and not feed.source.is_live:
                recall = Recall(self.prefix_cache, self.model, self.config.batch)
            return ChannelPlan(
                tracker=mine,
                threshold=self.threshold,
                events=None if self.model is None else self._make_events(),
                object_threshold=self.object_threshold,
                object_events=ObjectEvents(self._make_object_events),
                group_size=self.config.batch,
                gaps=self.config.gaps,
                max_frames=limit,
                header=lambda: header_record(
                    feed.source, self.model, mine, self.objects, config=self.config
                ),
            ), recall

        return Engine(
            Stages(
                self.model,
                self.tracker,
                objects,
                self.config.encoder,
                detect_every=self.config.track.detect_every,
                feature_cache=self.feature_cache,
                picture_size=size,
            ),
            plan,
            longest_wait=self.config.batch_wait,
            alone=only is not None,
        )

    def _make_events(self) -> EventDetector:
        # The first label is that of an empty picture: nothing begins or ends with it.
        labels = () if self.model is None else self.model.labels
        return self._detector(self.threshold, ignored=frozenset(labels[:1]))

    def _make_object_events(self) -> EventDetector:
        return self._detector(self.object_threshold, ignored=frozenset())

    def _detector(self, threshold: float, *, ignored: frozenset[str]) -> EventDetector:
        settings = self.config.events
        enter = threshold if settings.enter is None else settings.enter
        return EventDetector(
            enter=enter,
            leave=_LEAVE_SHARE * enter if settings.leave is None else settings.leave,
            min_seconds=settings.min_seconds,
            min_gap_seconds=settings.min_gap_seconds,
            ignored=ignored,
        )
