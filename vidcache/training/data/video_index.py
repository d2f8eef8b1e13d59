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
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(roots)
        self._by_name: dict[str, dict[Path, None]] = defaultdict(dict)
        self._inner: dict[Path, str] = {}
        for root in roots:
            for path in videos_under(root) if root.is_dir() else [root]:
                inner = path.relative_to(root) if root.is_dir() else Path(path.name)
                self._inner.setdefault(path, inner.as_posix())
                names = (inner.as_posix(), inner.with_suffix("").as_posix(), path.name, path.stem)
                for name in names:
                    self._by_name[name][path] = None

    def find(self, name: str) -> list[Path]:
        """The videos that a name may mean: its path in a folder, its file's name or its stem."""
        # A full path first: two folders may hold videos of the same name.
        for root in self._roots:
            path = root / name
            if path.is_file():
                return [path]
        return list(self._by_name.get(Path(name).as_posix(), ()))

    @property
    def videos(self) -> list[Path]:
        """All of them."""
        return list(self._inner)

    def name_of(self, path: Path) -> str:
        """What a video is called in its folder, such as ``kitchen/a.mp4``."""
        return self._inner[path]

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
