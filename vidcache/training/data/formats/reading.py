"""Reads the labels of a data set, in whatever format they are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from vidcache.errors import DataError
from vidcache.training.data.annotations import Annotations
from vidcache.training.data.csv_table import read_header
from vidcache.training.data.dataset import SplitName
from vidcache.training.data.formats.activitynet import read_activitynet
from vidcache.training.data.formats.charades import CHARADES_COLUMNS, read_charades
from vidcache.training.data.formats.epic_kitchens import EPIC_COLUMNS, read_epic_kitchens
from vidcache.training.data.formats.folders import read_folders
from vidcache.training.data.formats.lstr import DATA_INFO, is_data_info, read_lstr
from vidcache.training.data.formats.segments_csv import read_segments_csv
from vidcache.training.data.json_file import JsonFile
from vidcache.training.data.problems import Problems
from vidcache.training.data.settings import AnnotationSettings, FormatName

__all__ = ["read_annotations"]


def read_annotations(base: Path, settings: AnnotationSettings, problems: Problems) -> Annotations:
    """Reads all files of labels of a data set.

    Args:
        base: What their paths are relative to.
        settings: Which files, and in which format.
        problems: Where mistakes go.

    Returns:
        What they say together.

    Raises:
        DataError: One of them cannot be read.
    """
    paths: dict[Path, SplitName | Literal[""]] = {
        base / file: split for split, file in settings.file.items()
    }
    for path in paths:
        if not path.exists():
            raise DataError(f"cannot read the labels '{path}': there is no such file or folder")
    kinds = {path: settings.format for path in paths}
    if settings.format == "auto":
        kinds = {path: _recognise(path) for path in paths}
    classes = None if settings.classes is None else base / settings.classes
    epic = [path for path, kind in kinds.items() if kind == "epic-kitchens"]
    parts = [read_epic_kitchens(epic, settings.target, classes, problems)] if epic else []
    for path, kind in kinds.items():
        if kind == "segments":
            parts.append(read_segments_csv(path, problems))
        elif kind == "folders":
            parts.append(read_folders(path, problems))
        elif kind == "activitynet":
            parts.append(read_activitynet(path, settings.subsets, problems))
        elif kind == "charades":
            parts.append(read_charades(path, classes, problems))
        elif kind == "lstr":
            parts.append(read_lstr(path, settings, problems))
    merged = _merge(parts, problems)
    for name, rows in merged.rows.items():
        for place in (merged.places[name], *(row.place for row in rows)):
            split = paths.get(place.path)
            if split:
                merged.add_split(name, split, place, problems)
    return merged


def _recognise(path: Path) -> FormatName:
    """Which format a file or folder has."""
    if path.is_dir():
        return "lstr" if (path / DATA_INFO).is_file() else "folders"
    if path.suffix.lower() == ".json":
        return "lstr" if is_data_info(JsonFile(path).values) else "activitynet"
    columns = set(read_header(path))
    if columns >= set(EPIC_COLUMNS):
        return "epic-kitchens"
    return "charades" if columns >= set(CHARADES_COLUMNS) else "segments"


def _merge(parts: Sequence[Annotations], problems: Problems) -> Annotations:
    """One whole of what several files say."""
    first, *others = parts
    merged = replace(first)
    for part in others:
        for name, rows in part.rows.items():
            merged.add_video(name, part.places[name]).extend(rows)
        for name, (split, place) in part.splits.items():
            merged.add_split(name, split, place, problems)
        merged.labels = tuple(dict.fromkeys((*(merged.labels or ()), *(part.labels or ())))) or None
        merged.arrays.update(part.arrays)
    return merged
