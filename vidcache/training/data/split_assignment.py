"""Which video is for what: as the settings say, as the annotations say, or by choice."""

from collections.abc import Mapping

from vidcache.config.validation import nearest_name
from vidcache.training.data.dataset import SPLITS, SplitName
from vidcache.training.data.entries import Entry
from vidcache.training.data.hold_out import hold_out
from vidcache.training.data.name_lists import list_names
from vidcache.training.data.problems import Problems
from vidcache.training.data.settings_file import GivenDataset
from vidcache.training.data.video_index import VideoIndex

__all__ = ["assign_splits"]

_DEFAULT_SHARE = 0.2


def assign_splits(
    given: GivenDataset,
    entries: Mapping[str, Entry],
    index: VideoIndex,
    labels_of: Mapping[str, frozenset[str]],
    problems: Problems,
) -> dict[str, SplitName]:
    """Assigns the videos to splits.

    What the settings list comes first, then what the annotations say; shares are then chosen
    among the videos for training.

    Args:
        given: The data set.
        entries: Its videos by name.
        index: All videos that there are.
        labels_of: What each video shows.
        problems: Where mistakes go.

    Returns:
        The split of each video; videos that are for nothing are not in it.

    Raises:
        DataError: A file of names cannot be read.
    """
    listed = _listed(given, entries, index, problems)
    said: dict[str, SplitName] = {
        name: entry.split[0] for name, entry in entries.items() if entry.split is not None
    }
    splits: dict[str, SplitName] = {**said, **listed}
    others = [name for name in entries if name not in splits]
    if given.settings.splits.train is None:
        splits.update(dict.fromkeys(others, "train"))
    elif others:
        problems.warn(
            given.place("splits"),
            f"videos in no split are left out ({len(others)}: {', '.join(others[:3])}"
            + (", …)" if len(others) > 3 else ")"),
        )
    _hold_out(given, splits, labels_of, problems)
    return splits


def _hold_out(
    given: GivenDataset,
    splits: dict[str, SplitName],
    labels_of: Mapping[str, frozenset[str]],
    problems: Problems,
) -> None:
    """Takes shares of the videos for training."""
    settings = given.settings.splits
    num_pool = sum(split == "train" for split in splits.values())
    shares: tuple[tuple[SplitName, object], ...] = (
        ("test", settings.test),
        ("validation", settings.validation),
    )
    for split, wanted in shares:
        there = split in splits.values()
        if wanted is None and split == "validation" and not there and num_pool:
            wanted = _DEFAULT_SHARE
        if not isinstance(wanted, float):
            continue
        if there and wanted:
            problems.mistake(
                given.place("splits", split),
                f"a share of {wanted:g}, but the annotations say already which videos are for "
                f"{split}: take one of both away",
            )
            continue
        pool = {name: labels_of[name] for name in splits if splits[name] == "train"}
        # Both shares are of the same whole, so what was taken before counts as well.
        share = min(wanted * num_pool / max(len(pool), 1), 1.0)
        held = hold_out(pool, share, settings.seed)
        splits.update(dict.fromkeys(held, split))
        if not held and wanted:
            problems.warn(given.path, f"no video can be spared for {split}: give more videos")


def _listed(
    given: GivenDataset, entries: Mapping[str, Entry], index: VideoIndex, problems: Problems
) -> dict[str, SplitName]:
    """The videos that the settings name, by their name in the annotations."""
    by_path = {entry.path.resolve(): name for name, entry in entries.items() if entry.path}
    found: dict[str, tuple[SplitName, str]] = {}
    for split in SPLITS:
        for wanted, place in _names(given, split):
            paths = [path.resolve() for path in index.find(wanted)]
            name = wanted if wanted in entries else None
            if name is None and len(paths) == 1:
                name = by_path.get(paths[0])
            if name is None:
                hint = nearest_name(wanted, list(entries))
                reason = "has no label" if paths else "is not in the data set"
                problems.mistake(place, f"unknown video {wanted!r}: it {reason}; {hint}")
                continue
            known, known_place = found.setdefault(name, (split, place))
            if known != split:
                problems.mistake(
                    place,
                    f"{name!r} is in {split!r}, but in {known!r} too ({known_place}): a video "
                    "belongs to one split",
                )
    return {name: split for name, (split, _) in found.items()}


def _names(given: GivenDataset, split: SplitName) -> list[tuple[str, str]]:
    """The names that the settings list for a split, and where."""
    splits = given.settings.splits
    wanted = {"train": splits.train, "validation": splits.validation, "test": splits.test}[split]
    if not isinstance(wanted, tuple | str):
        return []
    return list_names(given, wanted, "splits", split)
