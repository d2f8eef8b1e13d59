"""``vidcache data``: looks at data sets before anything is trained on them."""

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcache.cli.console import show_error, show_message, show_progress
from vidcache.cli.exit_codes import EXIT_DONE, EXIT_FAILED
from vidcache.cli.options import DebugFlag
from vidcache.cli.table import print_table
from vidcache.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from vidcache.training.data import ActionDataset
    from vidcache.training.data.summary import SplitSummary

__all__ = ["data_app"]

data_app = typer.Typer(help="Look at data sets for training.", rich_markup_mode=None)

_COLUMNS = ("label", "videos", "segments", "seconds", "share", "median s")


@data_app.callback()
def _data() -> None:  # pyright: ignore[reportUnusedFunction]
    """Look at data sets for training."""


@data_app.command("check")
def check(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="A YAML file, a CSV or JSON file of labels beside its videos, or a folder with a "
            "folder of videos for each label.",
        ),
    ],
    picture: Annotated[
        Path | None, typer.Option(metavar="F", help="Draw the videos' labels over time (.png).")
    ] = None,
    debug: DebugFlag = False,
) -> int:
    """Check a data set: list every mistake in it, or say what it holds."""
    if picture is not None and not picture.parent.is_dir():
        raise ConfigError(f"--picture is {picture}: {picture.parent} is no folder")
    if picture is not None and find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "train", "draw pictures")
    from vidcache.training.data.reading import read_dataset
    from vidcache.training.data.summary import summarise
    from vidcache.training.data.video_lengths import measure_videos

    found = read_dataset(data)
    dataset, problems = found.dataset, found.problems
    num_videos = len(dataset.videos) if dataset is not None else 0
    with show_progress("videos", num_videos) as progress:
        lengths = measure_videos(found, progress.advance)
    if dataset is not None and not problems.mistakes:
        _print_summary(dataset, summarise(dataset, lengths))
    for warning in problems.warnings:
        show_message(f"warning: {warning}")
    for mistake in problems.mistakes:
        show_error(mistake)
    if picture is not None and dataset is not None and lengths:
        from vidcache.training.data.timeline_picture import draw_timelines

        draw_timelines(dataset, lengths, picture)
        show_message(f"wrote {picture}")
    if problems.mistakes:
        number = len(problems.mistakes)
        show_message(f"{data}: {number} {'mistake' if number == 1 else 'mistakes'}")
        return EXIT_FAILED
    return EXIT_DONE


def _print_summary(dataset: "ActionDataset", splits: Sequence["SplitSummary"]) -> None:
    kind = "several at once" if dataset.multi_label else "one at a time"
    num_labels = len(dataset.labels) - 1
    noun = "label" if num_labels == 1 else "labels"
    print(f"{dataset.path}: {_videos(len(dataset.videos))}, {num_labels} {noun} ({kind})")
    for split in splits:
        minutes, seconds = split.seconds / 60, split.seconds
        length = f"{minutes:.1f} minutes" if minutes >= 1 else f"{seconds:.1f} seconds"
        print(f"\n{split.name}: {split.num_videos} videos, {length}")
        print_table(_COLUMNS, _rows(dataset.labels[0], split))


def _videos(number: int) -> str:
    return "1 video" if number == 1 else f"{number} videos"


def _rows(background: str, split: "SplitSummary") -> Iterable[Sequence[str]]:
    def share(seconds: float) -> str:
        return f"{seconds / split.seconds:.1%}" if split.seconds else "-"

    seconds = split.background_seconds
    yield background, "", "", f"{seconds:.1f}", share(seconds), ""
    for label in split.labels:
        yield (
            label.label,
            str(label.num_videos),
            str(label.num_segments),
            f"{label.seconds:.1f}",
            share(label.seconds),
            f"{label.median_seconds:.2f}",
        )
    if split.ignored_seconds:
        seconds = split.ignored_seconds
        yield "(ignored)", "", "", f"{seconds:.1f}", share(seconds), ""
