"""Labels as folders: a video shows, from first frame to last, what its folder is called."""

import math
from pathlib import Path

from vidcache.errors import DataError
from vidcache.training.data.annotations import Annotations, Place, Row, split_named
from vidcache.training.data.dataset import SplitName
from vidcache.training.data.problems import Problems
from vidcache.training.data.video_index import videos_under

__all__ = ["read_folders"]

_SPLIT_FOLDERS = {"train", "training", "validation", "val", "valid", "test", "testing"}


def read_folders(root: Path, problems: Problems) -> Annotations:
    """Reads a folder with a folder a label, or with folders ``train``, … that hold such folders.

    Args:
        root: The folder.
        problems: Where mistakes go.

    Raises:
        DataError: It is no folder, or has no folders.
    """
    if not root.is_dir():
        raise DataError(f"'{root}' is no folder: expected one with a folder for each label")
    annotations = Annotations(root)
    folders = _folders_in(root)
    if {folder.name.lower() for folder in folders} <= _SPLIT_FOLDERS:
        for folder in folders:
            split = split_named(folder.name, Place(folder), problems)
            _read_labels(folder, split, annotations, problems)
    else:
        _read_labels(root, None, annotations, problems)
    return annotations


def _read_labels(
    parent: Path, split: SplitName | None, annotations: Annotations, problems: Problems
) -> None:
    for video in videos_under(parent, recursive=False):
        problems.mistake(
            Place(video), "the video lies in no label's folder: move it into one, or take it away"
        )
    for folder in _folders_in(parent):
        videos = videos_under(folder)
        if not videos:
            problems.mistake(Place(folder), "there is no video in this label's folder")
        for video in videos:
            name = video.relative_to(annotations.path).as_posix()
            place = Place(video)
            annotations.add_video(name, place).append(Row(0.0, math.inf, folder.name, place))
            if split is not None:
                annotations.add_split(name, split, place, problems)


def _folders_in(parent: Path) -> list[Path]:
    found = sorted(
        entry for entry in parent.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if not found:
        raise DataError(f"'{parent}' has no folders: expected one for each label, with its videos")
    return found
