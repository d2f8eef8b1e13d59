"""Labels in the CSV files of Charades: a row a video, with all its actions in one column."""

from pathlib import Path

from vidcache.training.data.annotations import Annotations, Place
from vidcache.training.data.csv_table import read_table, read_text
from vidcache.training.data.problems import Problems

__all__ = ["CHARADES_COLUMNS", "read_charades"]

CHARADES_COLUMNS = ("id", "actions")


def read_charades(path: Path, classes: Path | None, problems: Problems) -> Annotations:
    """Reads such a file.

    Args:
        path: The file: ``Charades_v1_train.csv`` or ``Charades_v1_test.csv``, in which actions look
            like ``c092 11.90 21.20;c147 0.00 12.60``.
        classes: ``Charades_v1_classes.txt``, with lines such as ``c092 Throwing a pillow``; without
            it the labels are called ``c092``.
        problems: Where mistakes go.

    Raises:
        DataError: It cannot be read as such.
    """
    names = _class_names(classes, problems) if classes is not None else None
    annotations = Annotations(path, published=True)
    annotations.labels = tuple(names.values()) if names is not None else None
    for place, row in read_table(path, CHARADES_COLUMNS, problems).rows:
        annotations.add_video(row["id"], place)
        for action in filter(None, (part.strip() for part in row["actions"].split(";"))):
            parts = action.split()
            if len(parts) != 3:
                problems.mistake(place, f"the action is {action!r}: expected 'CLASS START END'")
                continue
            number, start, end = parts
            if names is not None and number not in names:
                problems.mistake(place, f"the class {number!r} is not in {classes}")
                continue
            label = number if names is None else names[number]
            annotations.add_row(row["id"], start, end, label, place, problems)
    return annotations


def _class_names(path: Path, problems: Problems) -> dict[str, str]:
    """What the classes are called, by their codes."""
    names: dict[str, str] = {}
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        if not text.strip():
            continue
        number, _, name = text.strip().partition(" ")
        if not name:
            problems.mistake(Place(path, line), f"{text!r}: expected 'CLASS NAME'")
        names[number] = name.strip()
    return names
