"""All settings of one run."""

from typing import Annotated, Literal

from pydantic import Field

from vidcache.config.encoder import EncoderSettings
from vidcache.config.events import EventSettings
from vidcache.config.gaps import GapSettings
from vidcache.config.live import LiveSettings
from vidcache.config.objects import ObjectSettings
from vidcache.config.outputs import OutputSettings
from vidcache.config.read import ReadSettings
from vidcache.config.section import (
    Address,
    Count,
    Name,
    Positive,
    Score,
    Seconds,
    Section,
    SourceName,
)
from vidcache.config.track import TrackSettings

__all__ = ["Config"]


class Config(Section):
    """All settings of one run.

    Attributes:
        source: Camera number or device, file, folder, glob, ``rtsp://…``, ``http(s)://…`` or
            ``lavfi:GRAPH``; the command line's SOURCE comes first.
        sources: Several of them, watched together: a list, or a mapping from names, which stand
            in results and file names.
        at_once: How many files are watched together; cameras all are.
        model: Name of a bundled action model, or the path of a model file.
        encoder_weights: File with the weights of the model's encoder, or ``hub``, for a model
            whose file holds its head alone (``small``); None to look for them.
        labels: File of text labels (.npz) in place of the model's own, for a model whose head
            predicts embeddings.
        actions: What is labelled: the ``frame``, every tracked person (``per-object``), ``both``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, …
        precision: Arithmetic of encoder and detector; ``auto`` takes bf16 where the processor is
            fast at it.
        engine: What runs the encoder and exported detectors on a processor: ``torch``,
            ``openvino``, ``onnx``, or ``auto`` for the fastest that is installed, measured once
            and remembered.
        threshold: Score below which the action shown is ``unsure``; None for the model's own.
        detector: ``auto``, ``none``, a model's name, or the path of a model file. ``auto`` is one
            that also finds people's keypoints, where they are labelled one by one.
        tracker: Name of a tracker, or the path of its settings file.
        jsonl: File that the results are written to; ``-`` is the standard output.
        video: MP4 file that the annotated video is written to.
        mot: File that the tracks are written to as MOTChallenge text.
        csv: File that the results are written to as a table of comma-separated values.
        parquet: File that the results are written to as a Parquet table.
        webvtt: File that the actions are written to as subtitles.
        webhook: URL that events are posted to.
        mqtt: Broker that events are published to, ``mqtt://user:password@host:1883/prefix``.
        metrics: Address at which Prometheus finds counters, ``HOST:PORT`` or ``PORT`` (of this
            machine only).
        show: Whether a live window opens.
        max_frames: How many frames of a source are read at most; None for all.
        batch: Frames of a file that are encoded together; live sources go one by one.
        batch_wait: Longest time in seconds that a frame waits for those of other sources, where
            several are watched.
        prefix_cache: Folder in which is remembered what was computed on files, so that a file that
            begins like an earlier one goes on from there, with the same labels to the bit.
        prefix_cache_gb: How large that folder may grow, in 10^9 bytes.
        encoder: How the encoder saves work.
        events: When an action counts as begun and as ended.
        gaps: What counts as a break in a stream, and what it does.
        outputs: How results are written and sent.
        live: How live sources are kept going, and what becomes of frames that are too many.
        read: How a source is read.
        track: How objects are found and followed.
        objects: How every tracked person is labelled.

    Example:
        >>> config = Config.model_validate({"detector": "none", "events": {"min_seconds": 1.0}})
        >>> config.events.min_seconds
        1.0
    """

    source: SourceName | None = None
    sources: dict[str, SourceName] | list[SourceName] | None = None
    at_once: Count = 4
    model: Name = "tiny"
    encoder_weights: Name | None = None
    labels: Annotated[str, Field(min_length=1)] | None = None
    actions: Literal["frame", "per-object", "both"] = "frame"
    device: Name = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    engine: Literal["auto", "torch", "openvino", "onnx"] = "auto"
    threshold: Score | None = None
    detector: Name = "auto"
    tracker: Name = "bytetrack"
    jsonl: str | None = None
    video: str | None = None
    mot: str | None = None
    csv: str | None = None
    parquet: str | None = None
    webvtt: str | None = None
    webhook: str | None = None
    mqtt: str | None = None
    metrics: Address | None = None
    show: bool = False
    max_frames: Count | None = None
    batch: Annotated[int, Field(ge=1, le=256)] = 8
    batch_wait: Seconds = 0.02
    prefix_cache: Annotated[str, Field(min_length=1)] | None = None
    prefix_cache_gb: Positive = 4.0
    encoder: EncoderSettings = EncoderSettings()
    events: EventSettings = EventSettings()
    gaps: GapSettings = GapSettings()
    outputs: OutputSettings = OutputSettings()
    live: LiveSettings = LiveSettings()
    read: ReadSettings = ReadSettings()
    track: TrackSettings = TrackSettings()
    objects: ObjectSettings = ObjectSettings()
