"""Which labels a data set has, in which order, and what becomes of all others."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from vidcache.config.validation import nearest_name
from vidcache.errors import DataError
from vidcache.training.data.annotations import Annotations, Place, Row
from vidcache.training.data.name_lists import list_names
from vidcache.training.data.problems import Problems
from vidcache.training.data.settings_file import GivenDataset

__all__ = ["LabelList", "choose_labels"]

_BACKGROUND = "background"


@dataclass(frozen=True)
class LabelList:
    """The labels of a data set.

    Attributes:
        labels: The background, then all others.
        ignored: Labels whose frames do not count.
        places: Where each label was first given.
        chosen: Whether the user has listed the labels.
    """

    labels: tuple[str, ...]
    ignored: frozenset[str]
    places: dict[str, object]
    chosen: bool

    @property
    def background(self) -> str:
        """What is shown where nothing else is."""
        return self.labels[0]


def choose_labels(
    given: GivenDataset, annotations: Annotations, rows: Iterable[Row], problems: Problems
) -> LabelList:
    """Decides on the labels.

    Args:
        given: The data set.
        annotations: What its labels say.
        rows: The rows of all its videos.
        problems: Where mistakes go, such as labels that are not in the list.

    Raises:
        DataError: The list of labels cannot be read.
    """
    settings = given.settings
    first: dict[str, Place] = {}
    counts: Counter[str] = Counter()
    for row in rows:
        first.setdefault(row.label, row.place)
        counts[row.label] += 1
    places: dict[str, object] = dict(first)
    ignored = frozenset((*settings.ignore, *annotations.ignored))
    for number, label in enumerate(settings.ignore):
        if label not in counts:
            hint = nearest_name(label, list(counts))
            problems.warn(given.place("ignore", number), f"nothing shows {label!r}; {hint}")
    listed = _listed(given, problems)
    known = list(listed or annotations.labels or sorted(counts))
    places.update({label: place for label, place in listed.items() if label not in places})
    background = settings.background or next(
        (label for label in known if label.lower() == _BACKGROUND),
        annotations.columns[0] if annotations.columns else _BACKGROUND,
    )
    if listed:
        ignored |= _refuse_unlisted(given, {*listed, *ignored, background}, first, counts, problems)
    labels = (background, *(n for n in known if n != background and n not in ignored))
    if len(labels) == 1:
        problems.mistake(given.path, "there is no label but the background: expected others")
    return LabelList(labels, ignored, places, bool(listed))


def _listed(given: GivenDataset, problems: Problems) -> dict[str, object]:
    """The labels that the user has listed, and where each of them stands."""
    labels = given.settings.labels
    if labels is None:
        return {}
    found = list_names(given, labels, "labels")
    if not found:
        raise DataError(f"{given.place('labels')}: there is no label: expected at least one")
    listed: dict[str, object] = {}
    for label, place in found:
        if label in listed:
            problems.mistake(place, f"the label {label!r} stands twice ({listed[label]})")
        listed.setdefault(label, place)
    return listed


def _refuse_unlisted(
    given: GivenDataset,
    known: set[str],
    first: dict[str, Place],
    counts: Counter[str],
    problems: Problems,
) -> frozenset[str]:
    """Deals with labels that are not in the list; returns those that are to be ignored."""
    others = [label for label in first if label not in known]
    if given.settings.unlisted == "refuse":
        for label in others:
            more = f" ({counts[label]} rows have it)" if counts[label] > 1 else ""
            hint = nearest_name(label, sorted(known))
            problems.mistake(
                first[label], f"the label {label!r} is not in the list of labels{more}; {hint}"
            )
    return frozenset(others if given.settings.unlisted == "ignore" else ())
