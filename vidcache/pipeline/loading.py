"""From the names in the settings to models in memory."""

import threading
from collections.abc import Sequence

import torch

from vidcache.cache import PrefixCache
from vidcache.config import Config
from vidcache.errors import ConfigError, SourceError
from vidcache.model import ActionModel, TextLabels
from vidcache.model.object_model import ObjectActionModel
from vidcache.pipeline.stages import MOST_LOOKERS
from vidcache.tracking import Tracker, UltralyticsTracker
from vidcache.video import ReconnectPolicy, Source, SourceState, open_source

__all__ = [
    "choose_detector",
    "load_model",
    "load_tracker",
    "open_prefix_cache",
    "open_watched",
    "resolve_device",
    "wait_for_start",
]

# Each block is read once in a run; the folder is what lasts.
_PREFIX_BYTES_IN_MEMORY = 64 << 20


def resolve_device(name: str) -> str:
    """The device to compute on; ``auto`` is the first GPU, or else the processor.

    Raises:
        ConfigError: If there is no such device here.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"the device {name!r} cannot be used here: expected auto, cpu, or a GPU such as "
            f"cuda or cuda:0 ({_first_line(error)})"
        ) from error
    return str(device)


def load_model(config: Config) -> ActionModel:
    """Loads the action model that the settings name.

    Raises:
        ModelError: If it, or the file of text labels, cannot be found or read.
        ConfigError: If the device cannot be used, or the model knows no such labels.
    """
    model = ActionModel.load(
        config.model,
        encoder_weights=config.encoder_weights,
        precision=config.precision,
        engine=config.engine,
        device=resolve_device(config.device),
    )
    if config.labels is not None:
        model.set_text_labels(TextLabels.load(config.labels))
    return model


def load_tracker(config: Config, objects: ObjectActionModel | None = None) -> Tracker | None:
    """Loads the detector and the tracker that the settings name; None for ``none``.

    Args:
        config: The settings.
        objects: What labels objects one by one. Where it looks at keypoints, a detector of
            ``auto`` is one that finds them.

    Raises:
        ModelError: If the detector cannot be found, fetched or read.
        ConfigError: If the tracker, a setting or a class is unknown.
        MissingExtraError: If Ultralytics is not installed.
    """
    if config.detector == "none":
        return None
    track = config.track
    device = resolve_device(config.device)
    return UltralyticsTracker(
        choose_detector(config, objects.sources if objects is not None else ()),
        tracker=config.tracker,
        tracker_settings=track.settings,
        image_size=track.image_size,
        confidence=track.confidence,
        classes=track.classes,
        device=device,
        precision=config.precision,
        engine=config.engine,
        # A GPU is kept busy by one look at a time.
        num_parallel=min(MOST_LOOKERS, torch.get_num_threads()) if device == "cpu" else 1,
    )


def choose_detector(config: Config, sources: Sequence[str]) -> str:
    """The name of the detector: ``auto`` is a pose model where objects' keypoints are looked at.

    Args:
        config: The settings.
        sources: What objects are labelled by; none where they are not.
    """
    if config.detector == "auto" and "pose" in sources and config.objects.pose == "auto":
        return "auto-pose"
    return config.detector


def open_prefix_cache(config: Config, model: ActionModel | None) -> PrefixCache | None:
    """Opens the folder of known beginnings that the settings name; None where they name none.

    Raises:
        ConfigError: If the folder cannot be made or read, or no model is there whose work it keeps.
    """
    if config.prefix_cache is None:
        return None
    if config.encoder.reuse:
        raise ConfigError(
            "prefix_cache repeats results to the bit, and with encoder.reuse they depend on how "
            "the stream was cut: leave one of them out"
        )
    if model is None:
        raise ConfigError(
            "prefix_cache keeps what is computed of whole pictures, and with actions: per-object "
            "nothing is: leave it out, or label both"
        )
    return PrefixCache(
        model.head,
        max_bytes=_PREFIX_BYTES_IN_MEMORY,
        folder=config.prefix_cache,
        max_disk_bytes=int(config.prefix_cache_gb * 1e9),
    )


def open_watched(uri: str | int, config: Config) -> Source:
    """Opens a source as the settings say; a live one is supervised, and may be down at the start.

    Raises:
        SourceError: If a file cannot be opened, or waiting would mend nothing.
        ConfigError: If an option makes no sense.
    """
    live = config.live
    return open_source(
        uri,
        **config.read.source_options(),
        when_full=live.when_full,
        max_latency=live.max_latency,
        reconnect=live.reconnect and ReconnectPolicy(**live.reconnect.model_dump()),
        stall_seconds=live.stall_seconds,
        settle_seconds=live.settle_seconds,
    )


def wait_for_start(source: Source) -> None:
    """Waits for the first picture of a source, or for the first failure of its camera.

    Raises:
        SourceError: If the camera failed. Its supervisor would try again; nobody wants to wait
            for an address that was mistyped.
    """
    news = threading.Event()
    source.set_listener(news.set)
    try:
        while True:
            # What changes from here on sets it again, after the state has changed.
            news.clear()
            if source.known:
                return
            status = source.status
            if status.state is SourceState.ENDED:
                source.poll(0)
                return
            # It stays when the next attempt begins, however soon that is.
            if status.detail:
                raise SourceError(f"cannot open '{source.uri}': {status.detail}")
            news.wait()
    finally:
        source.set_listener(None)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
