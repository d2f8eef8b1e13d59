"""Reading a data set, with all that is wrong about it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vidcache.errors import DataError
from vidcache.training.data.annotations import Annotations, Row
from vidcache.training.data.dataset import ActionDataset, LabelledVideo, Segment, SplitName
from vidcache.training.data.entries import Entry, find_videos
from vidcache.training.data.formats import read_annotations
from vidcache.training.data.label_list import LabelList, choose_labels
from vidcache.training.data.problems import Problems
from vidcache.training.data.segment_checks import check_rows, shows_several
from vidcache.training.data.settings_file import GivenDataset, read_settings
from vidcache.training.data.split_assignment import assign_splits

__all__ = ["ReadDataset", "load_dataset", "read_dataset"]


@dataclass(frozen=True)
class ReadDataset:
    """A data set with all that is wrong about it.

    Attributes:
        dataset: What could be read, even where there are mistakes; None if nothing could.
        rows: Where each video's labels were said.
        published: Whether the labels are others' work.
        problems: Mistakes and warnings.
    """

    dataset: ActionDataset | None
    rows: Mapping[str, list[Row]]
    published: bool
    problems: Problems


def load_dataset(path: str | Path) -> ActionDataset:
    """Reads a data set. No video is opened.

    Args:
        path: A YAML file with the keys of `DatasetSettings`; a CSV file of segments
            (``video,start,end,label``) or a JSON file in ActivityNet's form, with the videos beside
            it; or a folder with a folder of videos for each label.

    Raises:
        DataError: Anything is wrong. The message says where, down to the line.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for label in ("run", "walk"):
        ...     (folder / label).mkdir()
        ...     _ = [(folder / label / f"{n}.mp4").write_bytes(b"") for n in range(5)]
        >>> data = load_dataset(folder)
        >>> data.labels
        ('background', 'run', 'walk')
        >>> len(data.of("train")), len(data.of("validation"))
        (8, 2)
    """
    found = read_dataset(path)
    mistakes = found.problems.mistakes
    if found.dataset is None or mistakes:
        others = len(mistakes) - 1
        more = f" (and {others} more: vidcache data check {path} lists them)" if others else ""
        raise DataError(mistakes[0] + more)
    return found.dataset


def read_dataset(path: str | Path) -> ReadDataset:
    """Reads a data set as far as it can be read, and collects all that is wrong about it.

    Args:
        path: See `load_dataset`.

    Returns:
        It, and every mistake.
    """
    problems = Problems()
    try:
        given = read_settings(Path(path))
        annotations = read_annotations(given.base, given.annotations, problems)
        return _assemble(given, annotations, problems)
    except DataError as error:
        problems.add_mistake(str(error))
        return ReadDataset(None, {}, False, problems)


def _assemble(given: GivenDataset, annotations: Annotations, problems: Problems) -> ReadDataset:
    entries, index = find_videos(given, annotations, problems)
    rows = [row for entry in entries.values() for row in entry.rows]
    labels = choose_labels(given, annotations, rows, problems)
    learned = set(labels.labels[1:])
    shown = {
        name: [row for row in entry.rows if row.label in learned] for name, entry in entries.items()
    }
    multi_label = _is_multi_label(given, annotations, shown)
    for name in shown:
        shown[name] = check_rows(
            shown[name], multi_label=multi_label, published=annotations.published, problems=problems
        )
    labels_of = {name: frozenset(row.label for row in rows) for name, rows in shown.items()}
    splits = assign_splits(given, entries, index, labels_of, problems)
    _check_labels(given, labels, labels_of, splits, annotations.published, problems)
    videos = tuple(
        _video(entries[name], shown[name], splits[name], labels, annotations)
        for name in sorted(splits)
    )
    dataset = ActionDataset(
        given.path, labels.labels, multi_label, videos, tuple(problems.warnings)
    )
    said = {name: entry.rows for name, entry in entries.items()}
    return ReadDataset(dataset, said, annotations.published, problems)


def _is_multi_label(
    given: GivenDataset, annotations: Annotations, shown: Mapping[str, list[Row]]
) -> bool:
    if given.settings.multi_label is not None:
        return given.settings.multi_label
    # The methods that use per-frame arrays take them as one label a frame.
    if annotations.arrays or not annotations.published:
        return False
    return any(shows_several(rows) for rows in shown.values())


def _check_labels(
    given: GivenDataset,
    labels: LabelList,
    labels_of: Mapping[str, frozenset[str]],
    splits: Mapping[str, SplitName],
    published: bool,
    problems: Problems,
) -> None:
    """Is there something to learn each label from?"""
    in_all = Counter(label for name in splits for label in labels_of[name])
    training = [name for name in splits if splits[name] == "train"]
    in_training = Counter(label for name in training for label in labels_of[name])
    if splits and not training:
        subsets = " (annotations.subsets says what subsets are for)" if published else ""
        problems.warn(given.path, f"no video is for training{subsets}")
        return
    for label in labels.labels[1:]:
        place = labels.places.get(label, given.path)
        if not in_training[label]:
            others = sorted({splits[n] for n in splits if label in labels_of[n]})
            reason = f"only in {' and '.join(others)}" if others else "no video shows it"
            text = f"the label {label!r} is never seen in training: {reason}"
            if published and not labels.chosen:
                problems.warn(place, text, kind="never seen")
            else:
                problems.mistake(place, text)
        elif in_all[label] == 1:
            text = f"only one video shows {label!r}: what is learned of it cannot be checked"
            problems.warn(place, text, kind="one video")


def _video(
    entry: Entry,
    shown: list[Row],
    split: SplitName,
    labels: LabelList,
    annotations: Annotations,
) -> LabelledVideo:
    unlisted = labels.ignored
    ignored = [Segment(r.start, r.end, r.label) for r in entry.rows if r.label in unlisted]
    arrays = entry.arrays
    return LabelledVideo(
        entry.name,
        entry.path,
        tuple(Segment(row.start, row.end, row.label) for row in shown),
        split,
        features=None if arrays is None else arrays.features,
        targets_file=None if arrays is None else arrays.targets,
        ignored=tuple(sorted(ignored, key=lambda segment: (segment.start, segment.end))),
        columns=annotations.columns,
        frame_rate=None if arrays is None else arrays.frame_rate,
    )
