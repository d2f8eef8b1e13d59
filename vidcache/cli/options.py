"""The flags that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ActionsFlag",
    "AtOnceFlag",
    "BatchFlag",
    "ConfigFlag",
    "CsvFlag",
    "DebugFlag",
    "DetectEveryFlag",
    "DetectorFlag",
    "DeviceFlag",
    "EncoderWeightsFlag",
    "EngineFlag",
    "FeatureCacheFlag",
    "JsonlFlag",
    "LabelsFlag",
    "MaxFramesFlag",
    "MaxLatencyFlag",
    "MetricsFlag",
    "ModelFlag",
    "MotFlag",
    "MqttFlag",
    "ObjectModelFlag",
    "ParquetFlag",
    "PrecisionFlag",
    "PrefixCacheFlag",
    "ReuseFlag",
    "ShowFlag",
    "ThresholdFlag",
    "TrackerFlag",
    "VideoFlag",
    "WaitFlag",
    "WebhookFlag",
    "WebvttFlag",
    "WhenFullFlag",
]

ConfigFlag = Annotated[
    Path | None,
    typer.Option("--config", metavar="F", help="YAML file of settings; flags come before it."),
]
ModelFlag = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME|PATH", help="Action model. [default: tiny]"),
]
ActionsFlag = Annotated[
    str | None,
    typer.Option(
        "--actions",
        metavar="WHAT",
        help="Label the frame, every tracked person (per-object), or both. [default: frame]",
    ),
]
ObjectModelFlag = Annotated[
    str | None,
    typer.Option(
        "--object-model", metavar="NAME|PATH", help="Model of persons' actions. [default: person]"
    ),
]
LabelsFlag = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="F",
        help="Text labels (.npz) in place of the model's own, if it was trained with such.",
    ),
]
EncoderWeightsFlag = Annotated[
    str | None,
    typer.Option(
        "--encoder-weights",
        metavar="PATH|hub",
        help="Weights of the encoder, for a model without them, such as small.",
    ),
]
DetectorFlag = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME|PATH|none",
        help="Object detector: a .pt, .onnx or other exported model. [default: auto]",
    ),
]
TrackerFlag = Annotated[
    str | None,
    typer.Option(
        "--tracker", metavar="NAME|PATH", help="Tracker or its settings file. [default: bytetrack]"
    ),
]
DetectEveryFlag = Annotated[
    str | None,
    typer.Option(
        "--detect-every",
        metavar="N|auto",
        help="Look for objects in every N-th frame, or where the picture has changed; "
        "the tracker moves them in between. [default: 1]",
    ),
]
JsonlFlag = Annotated[
    str | None,
    typer.Option("--jsonl", metavar="F", help="Write the results here; - is standard output."),
]
VideoFlag = Annotated[
    str | None, typer.Option("--video", metavar="F", help="Write the annotated MP4 here.")
]
MotFlag = Annotated[
    str | None, typer.Option("--mot", metavar="F", help="Write the tracks here as MOT text.")
]
CsvFlag = Annotated[
    str | None, typer.Option("--csv", metavar="F", help="Write the results here as a table.")
]
ParquetFlag = Annotated[
    str | None, typer.Option("--parquet", metavar="F", help="Write them here as a Parquet table.")
]
WebvttFlag = Annotated[
    str | None, typer.Option("--webvtt", metavar="F", help="Write the actions here as subtitles.")
]
WebhookFlag = Annotated[
    str | None, typer.Option("--webhook", metavar="URL", help="Post events there.")
]
MqttFlag = Annotated[
    str | None,
    typer.Option("--mqtt", metavar="URL", help="Publish events there: mqtt://HOST:1883/PREFIX."),
]
MetricsFlag = Annotated[
    str | None,
    typer.Option("--metrics", metavar="[HOST:]PORT", help="Serve /metrics for Prometheus there."),
]
ShowFlag = Annotated[bool | None, typer.Option("--show/--no-show", help="Open a live window.")]
MaxFramesFlag = Annotated[
    int | None, typer.Option("--max-frames", metavar="N", help="Stop after N frames of a source.")
]
DeviceFlag = Annotated[
    str | None, typer.Option("--device", metavar="D", help="auto, cpu, cuda, cuda:1, …")
]
PrecisionFlag = Annotated[
    str | None, typer.Option("--precision", metavar="P", help="auto, fp32 or bf16.")
]
EngineFlag = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="E",
        help="What runs encoder and detector: auto (the fastest here), torch, openvino or onnx.",
    ),
]
ReuseFlag = Annotated[
    bool | None,
    typer.Option(
        "--reuse/--no-reuse", help="Encode only what changed in the picture: for still cameras."
    ),
]
PrefixCacheFlag = Annotated[
    str | None,
    typer.Option(
        "--prefix-cache",
        metavar="DIR",
        help="Remember files here; one that begins like an earlier one goes on from there.",
    ),
]
FeatureCacheFlag = Annotated[
    str | None,
    typer.Option(
        "--feature-cache",
        metavar="DIR",
        help="Keep what the encoder made of pictures here; known ones are not encoded again.",
    ),
]
ThresholdFlag = Annotated[
    float | None,
    typer.Option("--threshold", metavar="P", help="Below this score the action is 'unsure'."),
]
BatchFlag = Annotated[
    int | None, typer.Option("--batch", metavar="N", help="Frames of a file encoded together.")
]
AtOnceFlag = Annotated[
    int | None,
    typer.Option("--at-once", metavar="N", help="Files watched together. [default: 4]"),
]
WhenFullFlag = Annotated[
    str | None,
    typer.Option(
        "--when-full",
        metavar="P",
        help="Frames that come too fast: drop the oldest or the latest, or block. "
        "[default: oldest for cameras, block for files]",
    ),
]
MaxLatencyFlag = Annotated[
    float | None,
    typer.Option("--max-latency", metavar="S", help="Drop a camera's frames older than S seconds."),
]
WaitFlag = Annotated[
    bool | None,
    typer.Option("--wait/--no-wait", help="Wait for a camera that is down at the start."),
]
DebugFlag = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
