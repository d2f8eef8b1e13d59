"""The videos of a data set, found on the disk, each with its rows of labels."""

from dataclasses import dataclass, field
from pathlib import Path

from vidcache.config.validation import nearest_name
from vidcache.training.data.annotations import Annotations, FrameArrays, Place, Row
from vidcache.training.data.dataset import SplitName
from vidcache.training.data.problems import Problems
from vidcache.training.data.settings_file import GivenDataset
from vidcache.training.data.video_index import VideoIndex

__all__ = ["Entry", "find_videos"]

_SHOWN_NAMES = 3


@dataclass
class Entry:
    """A video that is on its way into a data set.

    Attributes:
        name: What the annotations call it.
        place: Where they do so first.
        path: The video; None where arrays stand for it.
        rows: What it shows.
        split: What it is for, with where that was said; None while nothing says it.
        arrays: What stands for it.
    """

    name: str
    place: Place
    path: Path | None = None
    rows: list[Row] = field(default_factory=list[Row])
    split: tuple[SplitName, Place] | None = None
    arrays: FrameArrays | None = None


def find_videos(
    given: GivenDataset, annotations: Annotations, problems: Problems
) -> tuple[dict[str, Entry], VideoIndex]:
    """Finds the video of each name in the annotations.

    Args:
        given: The data set.
        annotations: What its labels say.
        problems: Where mistakes go: names that mean no video, or several.

    Returns:
        The videos by name, two names of one video united; and all videos that there are.
    """
    if annotations.arrays:
        return _entries_of_arrays(annotations), VideoIndex(())
    index = VideoIndex(given.roots)
    entries: dict[Path, Entry] = {}
    missing: list[str] = []
    for name, rows in annotations.rows.items():
        place = annotations.places[name]
        # ActivityNet's videos are called v_NAME.mp4.
        found = index.find(name) or (index.find(f"v_{name}") if annotations.published else [])
        if not found:
            missing.append(name)
            continue
        if len(found) > 1:
            shown = " and ".join(f"'{path}'" for path in found[:2])
            problems.mistake(place, f"{name!r} may be {shown}: write its path in the folder")
            continue
        entry = entries.setdefault(found[0].resolve(), Entry(name, place, found[0]))
        entry.rows += rows
        if name in annotations.splits:
            _join_split(entry, annotations.splits[name], problems)
    _report_missing(missing, annotations, index, given, problems)
    _take_unlabelled(given, entries, index, problems)
    return {entry.name: entry for entry in entries.values()}, index


def _entries_of_arrays(annotations: Annotations) -> dict[str, Entry]:
    return {
        name: Entry(
            name,
            annotations.places[name],
            rows=rows,
            split=annotations.splits.get(name),
            arrays=annotations.arrays[name],
        )
        for name, rows in annotations.rows.items()
    }


def _join_split(entry: Entry, said: tuple[SplitName, Place], problems: Problems) -> None:
    if entry.split is None:
        entry.split = said
    elif entry.split[0] != said[0]:
        known, known_place = entry.split
        problems.mistake(
            said[1],
            f"{entry.name!r} is in {said[0]!r}, but in {known!r} too ({known_place}): a video "
            "belongs to one split",
        )


def _report_missing(
    missing: list[str],
    annotations: Annotations,
    index: VideoIndex,
    given: GivenDataset,
    problems: Problems,
) -> None:
    """Names without a video: of a published data set some may be gone for good."""
    folders = ", ".join(f"'{root}'" for root in given.roots)
    if annotations.published and len(missing) < len(annotations.rows):
        for name in missing:
            text = f"the video {name!r} is not in {folders}, and is left out"
            problems.warn(annotations.places[name], text, kind="missing video")
        return
    for name in missing:
        text = f"unknown video {name!r}: it is not in {folders}"
        if index.videos:
            hint = nearest_name(name, index.names)
            text += f"; {hint}" if hint.startswith("did") else ""
        else:
            text += ", where there is no video at all: give the folder as videos.root"
        problems.mistake(annotations.places[name], text)
        if not index.videos:
            return


def _take_unlabelled(
    given: GivenDataset, entries: dict[Path, Entry], index: VideoIndex, problems: Problems
) -> None:
    others = [path for path in index.videos if path.resolve() not in entries]
    if given.settings.videos is not None and given.settings.videos.unlabelled == "background":
        taken = {entry.name for entry in entries.values()}
        for path in others:
            name = index.name_of(path)
            # Two folders may hold videos of the same name.
            name = str(path) if name in taken else name
            taken.add(name)
            entries[path.resolve()] = Entry(name, Place(path), path)
    elif others:
        names = ", ".join(path.name for path in others[:_SHOWN_NAMES])
        more = ", …" if len(others) > _SHOWN_NAMES else ""
        problems.warn(
            given.path,
            f"videos without any label are left out ({len(others)}: {names}{more}); "
            "videos.unlabelled: background would take them",
        )
