"""Labels in the JSON of ActivityNet, which THUMOS14, HACS and FineAction use as well.

``{"database": {"VIDEO": {"subset": "training", "annotations": [{"segment": [1.5, 4.0], "label":
"…"}]}}}``, in seconds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from vidcache.errors import DataError
from vidcache.training.data.annotations import Annotations, Place, split_named
from vidcache.training.data.dataset import SplitName
from vidcache.training.data.json_file import JsonFile
from vidcache.training.data.problems import Problems

__all__ = ["read_activitynet"]


def read_activitynet(
    path: Path, subsets: Mapping[str, SplitName | Literal["skip"]], problems: Problems
) -> Annotations:
    """Reads such a file.

    A subset in which no video has a label, such as a test whose labels are withheld, is left out.

    Args:
        path: The file.
        subsets: What a subset is for, or ``skip``, where its name does not say it.
        problems: Where mistakes go.

    Raises:
        DataError: It is no such file.
    """
    file = JsonFile(path)
    database = file.values.get("database")
    if not isinstance(database, dict):
        raise DataError(f"{path}: expected a key 'database' with the videos in it")
    annotations = Annotations(path, published=True)
    entries: dict[str, tuple[Place, str, list[Any]]] = {}
    for name, entry in cast("dict[str, Any]", database).items():
        place = file.place_after(name)
        values = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
        found = values.get("annotations")
        if isinstance(found, list):
            entries[name] = (place, str(values.get("subset", "")), cast("list[Any]", found))
        else:
            problems.mistake(place, f"{name!r} has no list of 'annotations'")
    labelled = {subset for _, subset, found in entries.values() if found}
    withheld = [name for name, (_, subset, _) in entries.items() if subset not in labelled]
    if withheld:
        problems.warn(path, f"videos of subsets without any label are left out ({len(withheld)})")
    used: dict[str, SplitName | Literal["skip"]] = {
        subset.lower(): split for subset, split in subsets.items()
    }
    for name, (place, subset, found) in entries.items():
        split = used.get(subset.lower())
        if split is None and subset in labelled:
            split = split_named(subset, place, problems)
        if subset not in labelled or split is None or split == "skip":
            continue
        annotations.add_video(name, place)
        annotations.add_split(name, split, place, problems)
        for number, annotation in enumerate(found):
            inner = Place(path, place.line, f"annotation {number}")
            _add(annotations, name, annotation, inner, problems)
    if not annotations.rows and not problems.mistakes:
        raise DataError(f"{path}: the file is empty: expected videos with labels in 'database'")
    return annotations


def _add(
    annotations: Annotations, video: str, annotation: object, place: Place, problems: Problems
) -> None:
    values = cast("dict[str, Any]", annotation) if isinstance(annotation, dict) else {}
    segment: object = values.get("segment")
    times = cast("list[Any]", segment) if isinstance(segment, list) else []
    if len(times) != 2:
        problems.mistake(place, f"{video!r}: expected a 'segment' of two times, got {segment!r}")
        return
    label = values.get("label")
    text = "" if label is None else str(label)
    annotations.add_row(video, str(times[0]), str(times[1]), text, place, problems)
