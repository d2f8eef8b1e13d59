"""``vidcache eval``: how good an action model is on labelled videos."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcache.cli.console import show_message, show_work
from vidcache.cli.json_file import write_json
from vidcache.cli.options import (
    DebugFlag,
    DeviceFlag,
    EncoderWeightsFlag,
    LabelsFlag,
    PrecisionFlag,
    ThresholdFlag,
)
from vidcache.errors import ConfigError, DataError, SinkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vidcache.model import ActionModel
    from vidcache.training.data import ActionDataset, LabelledVideo
    from vidcache.training.encoded_video import EncodedVideo

__all__ = ["evaluate_model"]


def evaluate_model(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Labelled videos, as for vidcache data check.")
    ],
    model: Annotated[str, typer.Option("--model", metavar="NAME|PATH", help="Action model.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for evaluation.json and pictures.")
    ],
    split: Annotated[
        str, typer.Option("--split", metavar="S", help="test, validation or train.")
    ] = "test",
    delay: Annotated[
        str,
        typer.Option(
            "--delay",
            metavar="N|Xs",
            help="Let what is said N frames (or X seconds, such as 0.5s) later judge a frame.",
        ),
    ] = "0",
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", metavar="DIR", help="Encoded frames are kept here. [default: OUT/features]"
        ),
    ] = None,
    threshold: ThresholdFlag = None,
    labels: LabelsFlag = None,
    encoder_weights: EncoderWeightsFlag = None,
    device: DeviceFlag = None,
    precision: PrecisionFlag = None,
    debug: DebugFlag = False,
) -> int:
    """Judge an action model on labelled videos, streamed frame by frame."""
    frames, seconds = _parse_delay(delay)
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f"--threshold is {threshold}: give a number from 0 to 1")
    from vidcache.cli.evaluation_table import print_evaluation
    from vidcache.training.data import load_dataset
    from vidcache.training.evaluation.frames import judge
    from vidcache.training.evaluation.streaming import delayed_scores
    from vidcache.training.plots import draw_evaluation

    dataset = load_dataset(data)
    videos = _videos_of(dataset, split)
    flags = {"model": model, "labels": labels, "encoder_weights": encoder_weights}
    judged = _load_model({**flags, "device": device, "precision": precision})
    _require_labels(dataset, judged)
    _make_folder(out)
    encoded = _encode(videos, judged, store or out / "features")
    scores = _stream(judged, encoded)
    activation = judged.config.activation
    evaluation = judge(
        scores,
        encoded,
        judged.labels,
        threshold=judged.threshold if threshold is None else threshold,
        activation=activation,
        delay=frames,
        delay_seconds=seconds,
    )
    print_evaluation(evaluation)
    late = delayed_scores(scores, encoded, delay=frames, delay_seconds=seconds)
    draw_evaluation(evaluation, late, encoded, out, activation=activation)
    path = out / "evaluation.json"
    write_json(path, {"model": model, "data": str(data), "split": split, **evaluation.to_dict()})
    show_message(f"wrote {path} and pictures beside it")
    return 0


def _parse_delay(text: str) -> tuple[int, float | None]:
    """Returns frames and seconds; None where seconds are not given."""
    match = re.fullmatch(r"(\d+)|(\d+(?:\.\d*)?|\.\d+) ?s", text.strip())
    if match is None:
        raise ConfigError(
            f"--delay is {text!r}: give a number of frames, such as 5, or seconds, such as 0.5s"
        )
    return (int(match[1]), None) if match[1] else (0, float(match[2]))


def _videos_of(dataset: ActionDataset, split: str) -> tuple[LabelledVideo, ...]:
    from vidcache.training.data import SPLITS

    if split not in SPLITS:
        raise ConfigError(f"--split is {split!r}: give one of {', '.join(SPLITS)}")
    videos = dataset.of(split)
    if not videos:
        others = [f"{name} ({len(dataset.of(name))})" for name in SPLITS if dataset.of(name)]
        raise DataError(
            f"{dataset.path} has no videos for {split!r}: choose another with --split, "
            f"there are {', '.join(others) or 'none'}"
        )
    return videos


def _load_model(flags: dict[str, str | None]) -> ActionModel:
    from vidcache.config import Config, override
    from vidcache.pipeline.loading import load_model

    # As training computes features, so that both share what is stored of them.
    return load_model(override(Config(engine="torch"), flags))


def _require_labels(dataset: ActionDataset, model: ActionModel) -> None:
    """The background needs no name that agrees: it is where no other label is shown."""
    missing = [label for label in dataset.labels[1:] if label not in model.labels[1:]]
    if missing:
        raise DataError(
            f"{dataset.path} has labels that the model does not know: {', '.join(missing)}; "
            f"the model has {', '.join(model.labels)}"
        )
    if dataset.multi_label and model.config.activation == "softmax":
        show_message(
            "the data set has several labels at once, but the model says one at a time: what it "
            "says is right where it is one of those shown"
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"--out is {folder}, which cannot be made: {error.strerror}") from error


def _encode(
    videos: Sequence[LabelledVideo], model: ActionModel, folder: Path
) -> list[EncodedVideo]:
    from vidcache.encoder.features import FeatureStore
    from vidcache.training.encoding import encode_videos

    with FeatureStore(folder) as store, show_work("encoding") as work:
        return encode_videos(videos, model.labels, model.encoder, store, progress=work.update)


def _stream(model: ActionModel, videos: Sequence[EncodedVideo]) -> list[NDArray[np.float32]]:
    from vidcache.training.evaluation.streaming import stream_scores

    total, done = sum(map(len, videos)), 0
    with show_work("streaming") as work:

        def count(num_frames: int) -> None:
            nonlocal done
            done += num_frames
            work.update(done, total)

        return stream_scores(model, videos, progress=count)
