"""Which files a batch works on, and what their outputs are called."""

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vidcache.errors import ConfigError
from vidcache.video.locations import VIDEO_SUFFIXES, locate

__all__ = ["InputFile", "Shard", "collect_inputs"]

# Names that the batch needs for itself at the top of its folder.
_RESERVED = re.compile(r"(manifest|errors)(\.\d+of\d+)?")


@dataclass(frozen=True)
class InputFile:
    """One file to work on.

    Attributes:
        path: The file, as it was named or found.
        name: Its outputs' path within the batch's folder, without their endings, ``/`` between
            folders.
        num_bytes: Its size; 0 if that is not known.
    """

    path: str
    name: str
    num_bytes: int


@dataclass(frozen=True)
class Shard:
    """One part of a batch that is spread over machines without a scheduler.

    Attributes:
        number: Which part, from 1.
        count: How many parts there are.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ConfigError(
                f"the shard {self.number}/{self.count} does not exist: expected i/N with i from 1 "
                "to N, such as 2/8"
            )

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Reads ``i/N``.

        Raises:
            ConfigError: If it is not of that form, or there is no such part.

        Example:
            >>> Shard.parse("2/8")
            Shard(number=2, count=8)
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if match is None:
            raise ConfigError(f"the shard {text!r} is not of the form i/N, such as 2/8")
        return cls(int(match[1]), int(match[2]))

    @property
    def tag(self) -> str:
        """What stands in file names of this part, such as ``2of8``."""
        return f"{self.number}of{self.count}"

    def holds(self, name: str) -> bool:
        """Whether an input of that name is in this part, the same on every machine."""
        digest = hashlib.blake2b(os.fsencode(name), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1


def collect_inputs(
    paths: Iterable[str],
    *,
    recursive: bool = True,
    root: str | os.PathLike[str] | None = None,
    exclude: str | os.PathLike[str] | None = None,
) -> list[InputFile]:
    """Lists the files that files, folders and patterns stand for, each once.

    A file is listed whatever its ending and whether or not it exists, so that a wrong name ends
    up among the errors; a folder gives the videos in it, told by their endings; a pattern all that
    it matches. A folder without videos is listed itself if it was named or is called like a video.

    Outputs keep the files' places relative to ``root``, so equal names in different folders do not
    meet; the endings of two files that differ in nothing else are kept as well.

    Args:
        paths: Files, folders and patterns (``*``, ``?``, ``[…]``, ``**``).
        recursive: Whether folders are searched with all that is in them.
        root: What outputs are named relative to; None for the folder that all ``paths`` share.
        exclude: A folder that is not searched: the batch's own, where it lies in an input.

    Raises:
        ConfigError: If a path is a URL or a camera, or does not lie in ``root``.

    Example:
        >>> [file.name for file in collect_inputs(["mon/street.mp4", "tue/street.mp4"])]
        ['mon/street', 'tue/street']
    """
    found: dict[str, str] = {}
    bases: list[str] = []
    search = _Search(recursive, None if exclude is None else os.path.realpath(exclude))
    for path in paths:
        base, files = _expand(path, search)
        bases.append(base)
        for file in files:
            found.setdefault(str(Path(file).absolute()), file)
    top = str(Path(root).absolute()) if root is not None else os.path.commonpath(bases or [os.sep])
    relative = {full: _relative(full, top) for full in found}
    names = _names(list(relative.values()))
    return [InputFile(path, names[relative[full]], _size(path)) for full, path in found.items()]


@dataclass(frozen=True)
class _Search:
    recursive: bool
    exclude: str | None

    def videos(self, folder: str) -> Iterator[str]:
        """The videos in a folder, and folders that only look like one."""
        for parent, folders, files in os.walk(folder):
            here = Path(parent)
            folders[:] = sorted(name for name in folders if self._enters(here / name))
            yield from (str(here / name) for name in sorted(files) if _is_video_name(name))
            for name in list(folders):
                inner = here / name
                if _is_video_name(name) and next(self.videos(str(inner)), None) is None:
                    yield str(inner)
                    folders.remove(name)
            if not self.recursive:
                return

    def _enters(self, folder: Path) -> bool:
        return not folder.name.startswith(".") and os.path.realpath(folder) != self.exclude


def _expand(path: str, search: _Search) -> tuple[str, list[str]]:
    """What a path stands for, and the folder that it is relative to."""
    if not path.strip():
        raise ConfigError("an input is empty: expected a file, a folder or a pattern")
    if locate(path).kind not in ("file", "camera") or "://" in path:
        raise ConfigError(
            f"'{locate(path).shown}' is not a file: batch works through files; watch a camera or "
            "a URL with vidcache run"
        )
    own = Path(path)
    if own.is_dir():
        return str(own.absolute()), list(search.videos(path)) or [path]
    if own.exists() or not glob.has_magic(path):
        return str(own.absolute().parent), [path]
    files: list[str] = []
    for match in sorted(glob.glob(path, recursive=True)):  # noqa: PTH207
        if Path(match).is_dir():
            files += list(search.videos(match)) or [match] * _is_video_name(Path(match).name)
        else:
            files.append(match)
    return _static_folder(path), files or [path]


def _static_folder(pattern: str) -> str:
    """The folder of a pattern down to where its first wildcard stands."""
    fixed: list[str] = []
    for part in Path(pattern).absolute().parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return str(Path(*fixed))


def _relative(path: str, root: str) -> str:
    relative = Path(os.path.relpath(path, root))
    if relative.parts[:1] == (os.pardir,):
        raise ConfigError(f"'{path}' does not lie in '{root}': give another --root, or none")
    return relative.as_posix()


def _names(relative: list[str]) -> dict[str, str]:
    """A name for each path: without its ending, where that is enough to tell them apart."""
    short = {path: path.removesuffix(Path(path).suffix) for path in relative}
    names = {path: path if _RESERVED.fullmatch(name) else name for path, name in short.items()}
    while True:
        count = Counter(names.values())
        shared = [path for path, name in names.items() if count[name] > 1 and name != path]
        if not shared:
            return names
        names.update({path: path for path in shared})


def _is_video_name(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".")


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
