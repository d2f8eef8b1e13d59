"""Do the segments of a video go together: overlaps, and rows that stand twice."""

from collections.abc import Collection, Iterable

from vidcache.training.data.annotations import Row
from vidcache.training.data.problems import Problems

__all__ = ["check_rows", "shows_several"]

# Decimals that were rounded differently are no overlap.
_LEAST_OVERLAP_SECONDS = 1e-3


def check_rows(
    rows: Collection[Row], *, multi_label: bool, published: bool, problems: Problems
) -> list[Row]:
    """Looks for rows that cannot both be right.

    Args:
        rows: Of one video, without those of the background and those that are ignored.
        multi_label: Whether different labels may overlap.
        published: Whether what is found is no mistake of the user's.
        problems: Where it goes.

    Returns:
        The rows by start, each only once.
    """
    unique: dict[tuple[float, float, str], Row] = {}
    for row in rows:
        known = unique.setdefault((row.start, row.end, row.label), row)
        if known is not row:
            text = f"the same row stands in {_relative(known, row)}: take one away"
            if published:
                problems.warn(row.place, text, kind="duplicate")
            else:
                problems.mistake(row.place, text)
    ordered = sorted(unique.values(), key=lambda row: (row.start, row.end, row.label))
    for pair in _overlaps(ordered):
        other, row = sorted(pair, key=lambda row: row.place.line)
        text = f"{_span(row)} overlaps with {_span(other)} ({_relative(other, row)})"
        if other.label == row.label:
            problems.warn(row.place, f"{text}: is it one segment?", kind="same label")
        elif not multi_label and published:
            problems.warn(row.place, f"{text}, though multi_label is off", kind="overlap")
        elif not multi_label:
            hint = "end the one before the other begins, or write multi_label: true"
            problems.mistake(row.place, f"{text}: {hint}")
    return ordered


def shows_several(rows: Iterable[Row]) -> bool:
    """Whether two different labels of a video ever overlap."""
    ordered = sorted(rows, key=lambda row: (row.start, row.end))
    return any(earlier.label != later.label for earlier, later in _overlaps(ordered))


def _overlaps(ordered: list[Row]) -> Iterable[tuple[Row, Row]]:
    """Pairs of rows that overlap: each with the one before it that lasts longest."""
    longest: Row | None = None
    for row in ordered:
        if longest is not None and row.start < longest.end - _LEAST_OVERLAP_SECONDS:
            yield longest, row
        if longest is None or row.end > longest.end:
            longest = row


def _span(row: Row) -> str:
    return f"{row.label!r} from {row.start:g} to {row.end:g} s"


def _relative(other: Row, row: Row) -> str:
    """Where another row stands, as seen from a row."""
    if other.place.path != row.place.path:
        return str(other.place)
    if other.place.line and other.place.line != row.place.line:
        return f"line {other.place.line}"
    return other.place.detail or "the same line"
