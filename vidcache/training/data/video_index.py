"""Finding the video that an annotation means."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from vidcache.video.locations import VIDEO_SUFFIXES

__all__ = ["VideoIndex", "videos_under"]


class VideoIndex:
    """The videos of some folders, by all the names that they may be called.

    Args:
        roots: Folders, searched with all in them, or files.

    Attributes:
        videos: All of them.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(roots)
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self.videos: list[Path] = []
        for root in roots:
            for path in videos_under(root) if root.is_dir() else [root]:
                self.videos.append(path)
                inner = path.relative_to(root) if root.is_dir() else Path(path.name)
                names = (inner.as_posix(), inner.with_suffix("").as_posix(), path.name, path.stem)
                for name in dict.fromkeys(names):
                    self._by_name[name].append(path)

    def find(self, name: str) -> list[Path]:
        """The videos that a name may mean: its path in a folder, its file's name or its stem."""
        # A full path first: two folders may hold videos of the same name.
        for root in self._roots:
            path = root / name
            if path.is_file():
                return [path]
        return self._by_name.get(Path(name).as_posix(), [])

    @property
    def names(self) -> list[str]:
        """Everything that finds a video."""
        return list(self._by_name)


def videos_under(folder: Path, *, recursive: bool = True) -> list[Path]:
    """The videos in a folder, told by their file names, in a fixed order.

    Args:
        folder: Where to look.
        recursive: Whether to look in its folders as well.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(parent) / name
            for name in sorted(files)
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".")
        ]
        if not recursive:
            break
    return found
