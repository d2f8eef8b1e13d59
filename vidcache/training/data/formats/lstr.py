"""Features and per-frame targets in the layout of LSTR, TeSTra and their followers.

``data_info.json`` names the sessions and the classes; ``rgb/SESSION.npy`` holds features (T, C)
and ``target_perframe/SESSION.npy`` what each feature frame shows, (T, classes).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vidcache.config.validation import nearest_name
from vidcache.errors import DataError
from vidcache.training.data.annotations import Annotations, FrameArrays, Place, Row
from vidcache.training.data.dataset import SplitName
from vidcache.training.data.json_file import JsonFile
from vidcache.training.data.problems import Problems
from vidcache.training.data.settings import AnnotationSettings

__all__ = ["DATA_INFO", "is_data_info", "read_lstr"]

DATA_INFO = "data_info.json"

_SESSIONS: dict[str, SplitName] = {
    "train_session_set": "train",
    "val_session_set": "validation",
    "test_session_set": "test",
}


@dataclass(frozen=True)
class _Layout:
    """Where the arrays are, and what their columns mean."""

    features: Path
    targets: Path
    columns: tuple[str, ...]
    frame_rate: float


def is_data_info(values: dict[str, Any]) -> bool:
    """Whether what a JSON file holds names sessions, of one data set or of several by name."""
    return any("train_session_set" in entry for entry in (values, *_named_sets(values).values()))


def read_lstr(path: Path, settings: AnnotationSettings, problems: Problems) -> Annotations:
    """Reads such a data set. Labels are read from the arrays, as stretches of frames.

    Args:
        path: ``data_info.json``, or the folder that it lies in.
        settings: Which of its data sets, which folders, and how many frames a second.
        problems: Where mistakes go.

    Raises:
        DataError: It cannot be read as such.
    """
    info_path = path / DATA_INFO if path.is_dir() else path
    name, info = _choose(info_path, JsonFile(info_path).values, settings.dataset)
    columns = tuple(str(label) for label in info.get("class_names") or ())
    if len(columns) < 2:
        raise DataError(f"{info_path}: 'class_names' is missing: expected background and labels")
    rate = settings.frame_rate or info.get("fps")
    if not rate:
        raise DataError(f"{info_path}: there is no 'fps': give annotations.frame_rate")
    index = info.get("ignore_index", -1)
    ignored = (columns[index],) if isinstance(index, int) and 0 < index < len(columns) else ()
    parent = info_path.parent
    root = parent if (parent / settings.features).is_dir() else parent / name
    layout = _Layout(root / settings.features, root / settings.targets, columns, float(rate))
    for key, folder in (("features", layout.features), ("targets", layout.targets)):
        if not folder.is_dir():
            others = ", ".join(sorted(f.name for f in root.glob("*/"))) or "none"
            raise DataError(
                f"{info_path}: there is no folder '{folder}': give annotations.{key} (folders "
                f"there: {others})"
            )
    annotations = Annotations(
        info_path, published=True, labels=columns, columns=columns, ignored=ignored
    )
    for key, split in _SESSIONS.items():
        for session in info.get(key) or ():
            _add_session(annotations, str(session), split, layout, problems)
    if not annotations.rows and not problems.mistakes:
        raise DataError(f"{info_path}: the file is empty: expected sessions in train_session_set")
    return annotations


def _named_sets(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: cast("dict[str, Any]", entry)
        for name, entry in values.items()
        if isinstance(entry, dict)
    }


def _choose(path: Path, values: dict[str, Any], wanted: str | None) -> tuple[str, dict[str, Any]]:
    """The data set that is meant, and its name."""
    if "train_session_set" in values and wanted is None:
        return "", values
    found = {n: entry for n, entry in _named_sets(values).items() if "train_session_set" in entry}
    if wanted is None and len(found) == 1:
        return next(iter(found.items()))
    if wanted is None:
        names = ", ".join(found) or "none"
        raise DataError(
            f"{path}: expected 'train_session_set', or annotations.dataset with the name of one "
            f"of its data sets ({names})"
        )
    if wanted not in found:
        raise DataError(f"{path}: no data set {wanted!r}: {nearest_name(wanted, list(found))}")
    return wanted, found[wanted]


def _add_session(
    annotations: Annotations, name: str, split: SplitName, layout: _Layout, problems: Problems
) -> None:
    place = Place(annotations.path, detail=name)
    arrays = FrameArrays(
        layout.features / f"{name}.npy", layout.targets / f"{name}.npy", layout.frame_rate
    )
    features = _open_array(arrays.features, problems)
    targets = _open_array(arrays.targets, problems)
    if features is None or targets is None:
        return
    if targets.shape[1:] != (len(layout.columns),):
        problems.mistake(
            arrays.targets,
            f"shape {targets.shape}, expected a column for each of the {len(layout.columns)} "
            "class_names",
        )
        return
    if len(targets) != len(features):
        problems.mistake(
            arrays.targets,
            f"{len(targets)} frames, but {arrays.features} has {len(features)}: expected as many",
        )
        return
    annotations.add_video(name, place).extend(_stretches(targets, layout, Place(arrays.targets)))
    annotations.arrays[name] = arrays
    annotations.add_split(name, split, place, problems)


def _open_array(path: Path, problems: Problems) -> NDArray[Any] | None:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        problems.mistake(path, "the file is not there: expected an array for each session")
        return None
    except (OSError, ValueError) as error:
        problems.mistake(path, f"it cannot be read as an .npy array: {error}")
        return None
    if array.ndim not in (2, 3) or not len(array):
        problems.mistake(path, f"shape {array.shape}: expected (frames, width)")
        return None
    return array


def _stretches(targets: NDArray[Any], layout: _Layout, place: Place) -> list[Row]:
    """The stretches of frames in which each column but the background's is set."""
    rows: list[Row] = []
    shown = np.asarray(targets) > 0
    for column, label in enumerate(layout.columns):
        if column == 0:
            continue
        # Where the column is set and unset again, in turns.
        steps: list[int] = np.flatnonzero(
            np.diff(shown[:, column], prepend=False, append=False)
        ).tolist()
        for first, behind in zip(steps[::2], steps[1::2], strict=True):
            start, end = first / layout.frame_rate, behind / layout.frame_rate
            rows.append(Row(start, end, label, place))
    return rows
