"""Labels as ``video,start,end,label`` in a CSV file, and perhaps ``split``."""

from pathlib import Path

from vidcache.training.data.annotations import Annotations, split_named
from vidcache.training.data.csv_table import read_table
from vidcache.training.data.problems import Problems

__all__ = ["SEGMENT_COLUMNS", "read_segments_csv"]

SEGMENT_COLUMNS = ("video", "start", "end", "label")


def read_segments_csv(path: Path, problems: Problems) -> Annotations:
    """Reads a CSV file of segments.

    Args:
        path: The file. ``start`` and ``end`` are seconds; further columns mean nothing.
        problems: Where mistakes go.

    Raises:
        DataError: It cannot be read as such.
    """
    annotations = Annotations(path)
    for place, row in read_table(path, SEGMENT_COLUMNS, problems).rows:
        if not row["video"]:
            problems.mistake(place, "there is no video: expected a file's name")
            continue
        annotations.add_row(row["video"], row["start"], row["end"], row["label"], place, problems)
        if row.get("split"):
            split = split_named(row["split"], place, problems)
            if split is not None:
                annotations.add_split(row["video"], split, place, problems)
    return annotations
