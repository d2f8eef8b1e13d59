"""What is wrong or odd about a data set, collected while it is read."""

from dataclasses import dataclass, field

__all__ = ["Problems"]

_SHOWN_ALIKE = 3


@dataclass
class Problems:
    """Collects mistakes, which make a data set unusable, and warnings, which do not."""

    _mistakes: dict[str, None] = field(default_factory=dict[str, None])
    _warnings: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def mistake(self, place: object, text: str) -> None:
        """Notes a mistake.

        Args:
            place: Where it stands, such as ``labels.csv, line 3``.
            text: What was given, what was expected and what to do.
        """
        self.add_mistake(f"{place}: {text}")

    def add_mistake(self, line: str) -> None:
        """Notes a mistake whose line says already where it stands."""
        self._mistakes[line] = None

    def warn(self, place: object, text: str, *, kind: str = "") -> None:
        """Notes a warning.

        Args:
            place: Where it stands.
            text: What is odd.
            kind: Warnings of one kind are listed only a few times; by default each is listed.
        """
        line = f"{place}: {text}"
        self._warnings.setdefault(kind or line, []).append(line)

    @property
    def mistakes(self) -> list[str]:
        """The mistakes, a line each, in the order in which they were found."""
        return list(self._mistakes)

    @property
    def warnings(self) -> list[str]:
        """The warnings, a line each; many of a kind in a few lines."""
        lines: list[str] = []
        for alike in self._warnings.values():
            lines += alike[:_SHOWN_ALIKE]
            if len(alike) > _SHOWN_ALIKE:
                lines[-1] += f" (and {len(alike) - _SHOWN_ALIKE} more like it)"
        return lines
