"""``vidcache train``: from labelled videos to a model that ``vidcache run`` takes."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from vidcache.cli.console import show_message, show_work
from vidcache.cli.exit_codes import EXIT_DONE, EXIT_INTERRUPTED
from vidcache.cli.interrupt import catch_interrupts
from vidcache.cli.options import DebugFlag
from vidcache.cli.training_folder import check_training_folder
from vidcache.config import override
from vidcache.errors import ConfigError, DataError

if TYPE_CHECKING:
    from vidcache.model import ActionModel, TextLabels
    from vidcache.training.data import ActionDataset, LabelledVideo
    from vidcache.training.learning.epochs import Epoch
    from vidcache.training.learning.model_training import ModelTraining, TrainedModel
    from vidcache.training.train_settings import TrainSettings

__all__ = ["train"]


def train(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="A data set: a YAML file, a CSV or JSON file of labels beside its videos, or a "
            "folder with a folder of videos for each label.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the model.")],
    model: Annotated[
        str, typer.Option("--model", metavar="NAME|PATH", help="Model whose encoder is used.")
    ] = "tiny",
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", metavar="NAME", help="A ViT of timm instead, by its name."),
    ] = None,
    encoder_weights: Annotated[
        str | None,
        typer.Option("--encoder-weights", metavar="PATH|hub", help="Weights of the encoder."),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(
            metavar="N|HxW", help="Pictures that --encoder sees: the side, or height and width."
        ),
    ] = None,
    fit: Annotated[
        str,
        typer.Option(
            metavar="crop|pad|stretch", help="How frames of another shape become such pictures."
        ),
    ] = "stretch",
    tokens: Annotated[
        int, typer.Option(metavar="N", help="Tokens of a frame of --encoder: 1, 5, 10, 17, …")
    ] = 17,
    text_labels: Annotated[
        str | None,
        typer.Option(metavar="F", help="Learn the labels' texts (.npz), so that others will do."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="F", help="Settings, as in configs/train.yaml."),
    ] = None,
    window: Annotated[
        int | None, typer.Option(metavar="N", help="Frames that the head remembers at most.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Epochs at most.")] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Train for about so long instead.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Another training.")] = None,
    store: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of features. [default: DIR of --out/features]"),
    ] = None,
    finetune: Annotated[
        str | None,
        typer.Option(metavar="encoder", help="Train the encoder too (small sets only)."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in DIR.")] = False,
    debug: DebugFlag = False,
) -> int:
    """Learn actions from labelled videos.

    DIR gets model.safetensors, which `vidcache run --model DIR` takes, a log, curves, and a
    checkpoint. Ctrl-C saves what was learnt; --resume goes on from it, also after a kill.
    """
    if finetune not in (None, "encoder"):
        raise ConfigError(f"--finetune: {finetune!r} is not allowed: expected encoder")
    flags = {"head.window": window, "epochs": epochs, "minutes": minutes, "seed": seed}
    with catch_interrupts() as interrupt:
        try:
            from vidcache.training.data import load_dataset
            from vidcache.training.learning.model_training import CHECKPOINT_NAME
            from vidcache.training.train_settings import TrainSettings, load_train_settings

            settings = TrainSettings() if config is None else load_train_settings(config)
            settings = override(settings, flags)
            check_training_folder(out, CHECKPOINT_NAME, resume=resume)
            dataset = load_dataset(data)
            base = (
                _model_on_model(dataset, settings, model, encoder_weights, text_labels)
                if encoder is None
                else _model_of_encoder(
                    dataset,
                    settings,
                    _Encoder(encoder, encoder_weights, image_size, fit, tokens),
                    text_labels,
                )
            )
            if finetune is None:
                training = _prepare(base, dataset, settings, out, store or out / "features")
            else:
                training = _prepare_end_to_end(base, dataset, settings, out)
            interrupt.on_request = training.stop
            trained = _run(training, resume=resume)
        except KeyboardInterrupt:
            show_message("interrupted before the first step; features that are done are kept")
            return EXIT_INTERRUPTED
        finally:
            interrupt.on_request = None
    return _conclude(trained, out)


class _Encoder(NamedTuple):
    """What the flags say of an encoder of timm."""

    name: str
    weights: str | None
    image_size: str | None
    fit: str
    tokens: int


def _model_on_model(
    dataset: "ActionDataset",
    settings: "TrainSettings",
    model: str,
    weights: str | None,
    text_labels: str | None,
) -> "ActionModel":
    from vidcache.model import ActionModel
    from vidcache.training.training_model import model_on_model

    return model_on_model(
        ActionModel.load(model, encoder_weights=weights),
        dataset.labels,
        settings,
        multi_label=dataset.multi_label,
        texts=_load_texts(dataset, text_labels),
    )


def _model_of_encoder(
    dataset: "ActionDataset",
    settings: "TrainSettings",
    encoder: _Encoder,
    text_labels: str | None,
) -> "ActionModel":
    from vidcache.training.training_model import model_of_encoder

    if encoder.weights is None:
        raise ConfigError(
            f"--encoder {encoder.name} needs --encoder-weights: the path of a file, or hub"
        )
    if encoder.fit not in ("crop", "pad", "stretch"):
        raise ConfigError(f"--fit: {encoder.fit!r} is not allowed: expected crop, pad or stretch")
    return model_of_encoder(
        encoder.name,
        encoder.weights,
        dataset.labels,
        settings,
        multi_label=dataset.multi_label,
        texts=_load_texts(dataset, text_labels),
        image_size=None if encoder.image_size is None else _picture_size(encoder.image_size),
        fit=encoder.fit,
        num_tokens=encoder.tokens,
    )


def _load_texts(dataset: "ActionDataset", text_labels: str | None) -> "TextLabels | None":
    from vidcache.model import TextLabels
    from vidcache.training.training_model import choose_texts

    if text_labels is None:
        return None
    texts = TextLabels.load(text_labels)
    return choose_texts(texts, dataset.labels, multi_label=dataset.multi_label)


def _picture_size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    sides = [int(side) for side in (height, width or height) if side.isdigit()]
    if len(sides) != 2 or min(sides) < 1:
        raise ConfigError(
            f"--image-size: {text!r} is not allowed: expected a side, such as 224, or height and "
            "width, such as 112x196"
        )
    return sides[0], sides[1]


def _prepare(
    model: "ActionModel",
    dataset: "ActionDataset",
    settings: "TrainSettings",
    out: Path,
    store_folder: Path,
) -> "ModelTraining":
    from vidcache.encoder.features import FeatureStore
    from vidcache.training.encoding import encode_videos
    from vidcache.training.trainer import HeadTrainer

    splits = _splits(dataset)
    with FeatureStore(store_folder) as store, show_work("encoding frames") as work:
        encode = partial(
            encode_videos,
            labels=dataset.labels,
            encoder=model.encoder,
            store=store,
            progress=work.update,
        )
        num_train = len(splits[0])
        encoded = encode([video for split in splits for video in split])
        train, validation = encoded[:num_train], encoded[num_train:]
        if settings.augment.mirror:
            train += encode(splits[0], mirrored=True)
    return HeadTrainer(model, train, validation, settings, out)


def _prepare_end_to_end(
    model: "ActionModel", dataset: "ActionDataset", settings: "TrainSettings", out: Path
) -> "ModelTraining":
    from vidcache.training.end_to_end import EndToEndTrainer
    from vidcache.training.pixel_videos import read_pixels

    splits = _splits(dataset)
    with show_work("reading videos") as work:
        train, validation = (
            read_pixels(split, dataset.labels, model.encoder, work.update) for split in splits
        )
    return EndToEndTrainer(model, train, validation, settings, out)


def _splits(
    dataset: "ActionDataset",
) -> "tuple[tuple[LabelledVideo, ...], tuple[LabelledVideo, ...]]":
    train, validation = dataset.of("train"), dataset.of("validation")
    if not train:
        raise DataError(f"{dataset.path} has no videos for training: say which are")
    if not validation:
        show_message("there is no validation video: the last weights are kept, uncalibrated")
    return train, validation


def _run(training: "ModelTraining", *, resume: bool) -> "TrainedModel":
    from vidcache.cli.epoch_table import EpochTable

    done = training.resume() if resume else ()
    if done:
        show_message(f"going on after epoch {done[-1].epoch}")
    with show_work("training") as work:
        table = EpochTable(work.write)
        for epoch in done:
            table.add(epoch)
        return training.run(table.add, work.update)


def _conclude(trained: "TrainedModel", out: Path) -> int:
    from vidcache.training.learning.curves import draw_curves

    epochs = trained.end.epochs
    if epochs:
        draw_curves(epochs, out / "curves.png")
    if trained.path is None:
        show_message(f"stopped after epoch {len(epochs)}; go on with the same command and --resume")
        return EXIT_INTERRUPTED
    if trained.end.reason == "patience":
        show_message("ended early: validation got no better")
    print(f"{trained.path}: {_describe(trained.end.best)}")
    print(f"try it: vidcache run SOURCE --model {out}")
    return EXIT_DONE


def _describe(best: "Epoch | None") -> str:
    if best is None or best.mean_average_precision != best.mean_average_precision:
        return "not validated"
    return (
        f"epoch {best.epoch}, validation mAP {best.mean_average_precision:.3f}, "
        f"accuracy {best.accuracy:.3f}, after {best.seconds:.0f} s"
    )
