"""``vidcache run``: one source, or several at the same time."""

from typing import Annotated

import typer

from vidcache.cli.options import (
    ActionsFlag,
    AtOnceFlag,
    BatchFlag,
    ConfigFlag,
    CsvFlag,
    DebugFlag,
    DetectEveryFlag,
    DetectorFlag,
    DeviceFlag,
    EncoderWeightsFlag,
    EngineFlag,
    FeatureCacheFlag,
    JsonlFlag,
    LabelsFlag,
    MaxFramesFlag,
    MaxLatencyFlag,
    MetricsFlag,
    ModelFlag,
    MotFlag,
    MqttFlag,
    ObjectModelFlag,
    ParquetFlag,
    PrecisionFlag,
    PrefixCacheFlag,
    ReuseFlag,
    ShowFlag,
    ThresholdFlag,
    TrackerFlag,
    VideoFlag,
    WaitFlag,
    WebhookFlag,
    WebvttFlag,
    WhenFullFlag,
)
from vidcache.cli.watching import watch_sources
from vidcache.config import CLEARED, REUSE_GATE, Config, load_config, override

__all__ = ["run"]


def run(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE…",
            help="Camera number or device, file, folder, pattern, rtsp://…, http(s)://… or "
            "lavfi:GRAPH. They may stand in the configuration instead.",
        ),
    ] = None,
    config: ConfigFlag = None,
    model: ModelFlag = None,
    encoder_weights: EncoderWeightsFlag = None,
    labels: LabelsFlag = None,
    actions: ActionsFlag = None,
    object_model: ObjectModelFlag = None,
    detector: DetectorFlag = None,
    tracker: TrackerFlag = None,
    detect_every: DetectEveryFlag = None,
    jsonl: JsonlFlag = None,
    video: VideoFlag = None,
    mot: MotFlag = None,
    csv: CsvFlag = None,
    parquet: ParquetFlag = None,
    webvtt: WebvttFlag = None,
    webhook: WebhookFlag = None,
    mqtt: MqttFlag = None,
    metrics: MetricsFlag = None,
    show: ShowFlag = None,
    max_frames: MaxFramesFlag = None,
    threshold: ThresholdFlag = None,
    device: DeviceFlag = None,
    precision: PrecisionFlag = None,
    engine: EngineFlag = None,
    reuse: ReuseFlag = None,
    batch: BatchFlag = None,
    at_once: AtOnceFlag = None,
    prefix_cache: PrefixCacheFlag = None,
    feature_cache: FeatureCacheFlag = None,
    when_full: WhenFullFlag = None,
    max_latency: MaxLatencyFlag = None,
    wait: WaitFlag = None,
    debug: DebugFlag = False,
) -> int:
    """Watch sources: action labels and tracked objects, frame by frame.

    Without any output the results go to the standard output as JSON lines, or, if that is a
    terminal, only a summary is shown. Several sources, a folder or a pattern are watched together:
    outputs then name folders, or paths with {name} in them, and a source that fails does not stop
    the rest. Cameras are taken up again when they fail.
    """
    flags: dict[str, object] = {
        "model": model,
        "encoder_weights": encoder_weights,
        "labels": labels,
        "actions": actions,
        "objects.model": object_model,
        "detector": detector,
        "tracker": tracker,
        "track.detect_every": detect_every,
        "jsonl": jsonl,
        "video": video,
        "mot": mot,
        "csv": csv,
        "parquet": parquet,
        "webvtt": webvtt,
        "webhook": webhook,
        "mqtt": mqtt,
        "metrics": metrics,
        "show": show,
        "max_frames": max_frames,
        "threshold": threshold,
        "device": device,
        "precision": precision,
        "engine": engine,
        "batch": batch,
        "at_once": at_once,
        "prefix_cache": prefix_cache,
        "encoder.cache.folder": feature_cache,
        "live.when_full": when_full,
        "live.max_latency": max_latency,
        "live.wait": wait,
    }
    settings = load_config(config) if config is not None else Config()
    if reuse is not None:
        flags["encoder.reuse"] = settings.encoder.reuse or REUSE_GATE if reuse else CLEARED
    settings = override(settings, flags)
    if source:
        one = {"source": source[0], "sources": None} if len(source) == 1 else {"sources": source}
        settings = settings.model_copy(update=one)
    return watch_sources(settings)
