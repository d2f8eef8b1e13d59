"""``vidcache train-objects``: from labelled people in videos to a model of what each one does."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcache.cli.console import show_message, show_work
from vidcache.cli.exit_codes import EXIT_DONE, EXIT_INTERRUPTED
from vidcache.cli.interrupt import catch_interrupts
from vidcache.cli.options import DebugFlag
from vidcache.cli.table import print_table, show_share
from vidcache.cli.training_folder import check_training_folder
from vidcache.errors import ConfigError, DataError

if TYPE_CHECKING:
    from vidcache.config import Config
    from vidcache.frames import Frame
    from vidcache.model import ActionModel
    from vidcache.model.object_model import ObjectActionModel
    from vidcache.training.objects.annotations import ObjectAnnotation
    from vidcache.training.objects.judging import TrackJudgement
    from vidcache.training.objects.own_training import OwnTraining
    from vidcache.training.objects.tracks import LabelledTrack

__all__ = ["train_objects"]


def train_objects(
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS",
            help="A CSV with the columns video,time,x1,y1,x2,y2,label,id: times in seconds, boxes "
            "as parts of the picture from 0 to 1, a number for each person.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the model.")],
    videos: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the videos. [default: that of LABELS]"),
    ] = None,
    sources: Annotated[
        str,
        typer.Option(metavar="S,S", help="What it looks at: motion, pose, region, in any mix."),
    ] = "motion,pose",
    start: Annotated[
        str,
        typer.Option(metavar="NAME|PATH|none", help="Object model whose weights it begins with."),
    ] = "person",
    model: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="Action model whose encoder sees regions.")
    ] = "tiny",
    detector: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="Finds the people; as for run.")
    ] = "auto",
    steps: Annotated[int, typer.Option(metavar="N", help="Steps of 16 tracks.")] = 1000,
    held_out: Annotated[
        float, typer.Option(metavar="P", help="Part of the tracks that is kept to judge by.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(metavar="N", help="Another training.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in DIR.")] = False,
    debug: DebugFlag = False,
) -> int:
    """Learn what single people do from videos in which they are labelled.

    DIR gets object_model.safetensors, which `vidcache run --actions per-object --object-model DIR`
    takes, and a checkpoint. Ctrl-C saves what was learnt; --resume goes on from it.
    """
    from vidcache.config import Config
    from vidcache.pipeline.loading import load_model
    from vidcache.training.objects.own_training import CHECKPOINT_NAME, OwnTraining

    if not 0 <= held_out < 1:
        raise ConfigError(f"--held-out is {held_out}: give a part from 0 to below 1")
    if steps < 1:
        raise ConfigError(f"--steps is {steps}: give at least 1")
    check_training_folder(out, CHECKPOINT_NAME, resume=resume)
    annotations = _read(labels, videos or labels.parent)
    names = tuple(sorted({known.label for known in annotations}))
    with catch_interrupts() as interrupt:
        try:
            config = Config(actions="per-object", detector=detector, model=model)
            chosen = tuple(name.strip() for name in sources.split(","))
            whole = load_model(config) if "region" in chosen else None
            fresh = _begin(names, chosen, start, whole, seed)
            tracks = _record(annotations, videos or labels.parent, fresh, whole, config, out)
            training = OwnTraining(fresh, tracks, out, steps=steps, held_out=held_out, seed=seed)
        except KeyboardInterrupt:
            show_message("interrupted before the first step")
            return EXIT_INTERRUPTED
        interrupt.on_request = training.stop
        try:
            path = _run(training, resume=resume)
        finally:
            interrupt.on_request = None
    if path is None:
        show_message("stopped; go on with the same command and --resume")
        return EXIT_INTERRUPTED
    _print_judgement(names, training.judge())
    print(f"{path}: {len(training.train)} tracks learnt")
    print(f"try it: vidcache run SOURCE --actions per-object --object-model {out}")
    return EXIT_DONE


def _read(labels: Path, folder: Path) -> "tuple[ObjectAnnotation, ...]":
    from vidcache.training.objects.annotations import annotated_videos, read_object_annotations

    annotations = read_object_annotations(labels)
    if not annotations:
        raise DataError(f"{labels} has no labels: give a line for each person and time")
    for name in annotated_videos(annotations):
        if not (folder / name).is_file():
            raise DataError(
                f"{labels}: there is no video {folder / name}: give its folder by --videos"
            )
    return annotations


def _begin(
    labels: tuple[str, ...],
    sources: tuple[str, ...],
    start: str,
    whole: "ActionModel | None",
    seed: int,
) -> "ObjectActionModel":
    from vidcache.model.object_model import ObjectActionModel
    from vidcache.training.objects.new_model import begin_like, new_object_model

    width = 0 if whole is None else whole.encoder.num_features
    fresh = new_object_model(labels, sources, region_features=width, seed=seed)
    if start != "none":
        begin_like(fresh, ObjectActionModel.load(start))
    return fresh


def _record(
    annotations: "Sequence[ObjectAnnotation]",
    folder: Path,
    fresh: "ObjectActionModel",
    whole: "ActionModel | None",
    config: "Config",
    out: Path,
) -> "dict[str, LabelledTrack]":
    from vidcache.training.objects.annotations import annotated_videos
    from vidcache.training.objects.track_file import read_tracks, write_tracks

    stats = [(folder / name).stat() for name in annotated_videos(annotations)]
    made_from = {
        "labels": [dataclasses.astuple(known) for known in annotations],
        "videos": [(stat.st_size, stat.st_mtime_ns) for stat in stats],
        "models": [fresh.sources, config.model, config.detector],
    }
    path = out / "tracks.npz"
    tracks = read_tracks(path, made_from)
    if tracks is None:
        tracks = _follow(annotations, folder, fresh, whole, config)
        write_tracks(path, tracks, made_from)
    return tracks


def _follow(
    annotations: "Sequence[ObjectAnnotation]",
    folder: Path,
    fresh: "ObjectActionModel",
    whole: "ActionModel | None",
    config: "Config",
) -> "dict[str, LabelledTrack]":
    from vidcache.pipeline.loading import load_tracker
    from vidcache.pipeline.object_loading import join_object_models
    from vidcache.training.objects.annotations import annotated_videos
    from vidcache.training.objects.recorder import record_tracks

    tracker = load_tracker(config, fresh)
    if tracker is None:
        raise ConfigError("--detector is none: name one that finds people, or leave it at auto")
    models = join_object_models(config, fresh, whole, tracker)
    names = annotated_videos(annotations)
    with show_work("following people, videos") as work:

        def report(name: str, frame: "Frame") -> None:
            work.update(names.index(name), len(names))

        tracks = record_tracks(
            annotations,
            folder,
            fresh.labels,
            tracker,
            models,
            config.objects.labels,
            report,
        )
    lost = set(fresh.labels) - {
        fresh.labels[number] for track in tracks.values() for number in set(track.labels) - {-1}
    }
    if lost:
        raise DataError(
            f"nobody was followed who shows {', '.join(sorted(lost))}: the detector does not find "
            "them where the labels say; try another --detector, or check the boxes"
        )
    return tracks


def _run(training: "OwnTraining", *, resume: bool) -> "Path | None":
    done = training.resume() if resume else 0
    if done:
        show_message(f"going on after step {done}")
    with show_work("training") as work:
        return training.run(work.update)


def _print_judgement(labels: Sequence[str], judged: "TrackJudgement | None") -> None:
    if judged is None or not judged.num_frames:
        show_message("no track was held out: nothing says how good the model is")
        return
    rows = [
        (label, show_share(float(value)))
        for label, value in zip(labels, judged.average_precisions, strict=True)
    ]
    print_table(("held-out tracks", "AP"), rows)
    print(
        f"mean average precision {show_share(judged.mean_average_precision)}, accuracy "
        f"{judged.accuracy:.1%} of {judged.num_frames} observations"
    )
