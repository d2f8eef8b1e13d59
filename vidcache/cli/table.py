"""Tables for people: columns of text, the numbers at the right."""

from collections.abc import Iterable, Sequence

__all__ = ["print_table", "show_share"]


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints rows below the names of their columns.

    Args:
        columns: The names.
        rows: As many texts each; the first is set at the left, the others at the right.
    """
    lines = [columns, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  " + "  ".join(cells).rstrip())


def show_share(value: float) -> str:
    """A number from 0 to 1 with three digits; a dash for NaN, which stands for nothing to judge."""
    return "-" if value != value else f"{value:.3f}"
