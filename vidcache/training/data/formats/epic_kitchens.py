"""Labels in the CSV files of EPIC-Kitchens-100: verbs and nouns with time stamps."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from vidcache.training.data.annotations import Annotations, Place
from vidcache.training.data.csv_table import read_table
from vidcache.training.data.problems import Problems

__all__ = ["EPIC_COLUMNS", "read_epic_kitchens"]

EPIC_COLUMNS = ("video_id", "start_timestamp", "stop_timestamp")

Rows = Sequence[tuple[Place, dict[str, str]]]
Target = Literal["verb", "noun", "action"]


def read_epic_kitchens(
    paths: Sequence[Path], target: Target, classes: Path | None, problems: Problems
) -> Annotations:
    """Reads such files.

    People tell of one thing with many words. The classes unite them: a label is called as in the
    file of classes, or else by the most frequent word for its class in all the files.

    Args:
        paths: The files, such as ``EPIC_100_train.csv`` and ``EPIC_100_validation.csv``.
        target: Whether verbs, nouns or pairs of them are labels.
        classes: ``EPIC_100_verb_classes.csv`` or ``EPIC_100_noun_classes.csv``; for pairs the
            folder that holds both.
        problems: Where mistakes go.

    Raises:
        DataError: They cannot be read as such.
    """
    parts = ("verb", "noun") if target == "action" else (target,)
    needed = [column for part in parts for column in (part, f"{part}_class")]
    tables = [read_table(path, [*EPIC_COLUMNS, *needed], problems) for path in paths]
    rows = [row for table in tables for row in table.rows]
    names = {part: _class_names(rows, part, classes, problems) for part in parts}
    annotations = Annotations(paths[0], published=True)
    for place, row in rows:
        numbers = {part: row[f"{part}_class"] for part in parts}
        unknown = [number for part, number in numbers.items() if number not in names[part]]
        if unknown:
            problems.mistake(place, f"the class {unknown[0]!r} is not in {classes}")
            continue
        label = " ".join(names[part][number] for part, number in numbers.items())
        annotations.add_row(
            row["video_id"], row["start_timestamp"], row["stop_timestamp"], label, place, problems
        )
    return annotations


def _class_names(rows: Rows, part: str, classes: Path | None, problems: Problems) -> dict[str, str]:
    """What the classes of verbs or nouns are called, by their numbers."""
    if classes is not None:
        path = classes / f"EPIC_100_{part}_classes.csv" if classes.is_dir() else classes
        return {row["id"]: row["key"] for _, row in read_table(path, ("id", "key"), problems).rows}
    words: dict[str, Counter[str]] = defaultdict(Counter)
    for _, row in rows:
        words[row[f"{part}_class"]][row[part]] += 1
    return {
        number: min(found, key=lambda word: (-found[word], word)) for number, found in words.items()
    }
