"""Where the time of a run goes, thread by thread and place by place, as py-spy sees it."""

import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidcache.errors import MissingExtraError

__all__ = ["Profile", "profiled", "read_profile"]

_SAMPLES_A_SECOND = 100

# What a run does once, before the first frame.
_LOADING = re.compile(r"_find_and_load|load_model|load_tracker|_warm_up|warm_up")


@dataclass(frozen=True)
class Profile:
    """Shares of the processor time of a run, without what loads models.

    Attributes:
        threads: Share of each kind of thread, largest first.
        places: Share of each place, the innermost function of ours with what it was in, largest
            first.
        num_samples: Looks at a busy thread that these are made of.
    """

    threads: tuple[tuple[str, float], ...]
    places: tuple[tuple[str, float], ...]
    num_samples: int


def profiled(command: Sequence[str], stacks: Path) -> list[str]:
    """The command that runs a Python program under py-spy.

    Args:
        command: The program and its arguments, the interpreter first.
        stacks: Where the stacks are written, one a line with its count: speedscope and
            flamegraph.pl draw them.

    Raises:
        MissingExtraError: py-spy is not installed.
    """
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which(
        "py-spy"
    )
    if program is None:
        raise MissingExtraError("py-spy", "bench", "see where the time goes")
    record = [program, "record", "--rate", str(_SAMPLES_A_SECOND), "--format", "raw", "--threads"]
    return [*record, "--output", str(stacks), "--", *command]


def read_profile(lines: Iterable[str]) -> Profile:
    """Sums up stacks.

    Args:
        lines: Each the functions from the thread's name inwards, with ``;`` between, and a count.

    Example:
        >>> from vidcache.bench.profile import read_profile
        >>> profile = read_profile([
        ...     "thread (1): vidcache-work_0;encode (vidcache/a.py:3);infer (openvino/b.py:9) 3",
        ...     "thread (2): vidcache-work_1;encode (vidcache/a.py:3);infer (openvino/b.py:9) 3",
        ...     "thread (3): vidcache-actions_0;step (vidcache/c.py:5) 2",
        ... ])
        >>> profile.threads
        (('work', 0.75), ('actions', 0.25))
        >>> profile.places[0]
        ('encode (vidcache/a.py) > infer (openvino)', 0.75)
    """
    threads: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        if not count.strip().isdigit() or _LOADING.search(stack):
            continue
        thread, *functions = stack.split(";")
        threads[_kind_of(thread)] += int(count)
        places[_place_of(functions)] += int(count)
    total = max(1, sum(threads.values()))
    return Profile(
        tuple((name, count / total) for name, count in threads.most_common()),
        tuple((name, count / total) for name, count in places.most_common()),
        sum(threads.values()),
    )


def _kind_of(thread: str) -> str:
    """Workers do the same work, and sources are decoded alike, whatever their names."""
    name = thread.partition(": ")[2] or "native threads"
    name = name.removeprefix("vidcache-").partition(" ")[0]
    return re.sub(r"[-_]\d+$", "", name)


def _place_of(functions: Sequence[str]) -> str:
    """Our innermost function, and the function of a library that it waits for."""
    ours = [number for number, one in enumerate(functions) if "(vidcache/" in one]
    if not ours:
        return _short(functions[-1]) if functions else "native code"
    place = re.sub(r":\d+\)$", ")", functions[ours[-1]])
    inside = functions[ours[-1] + 1 :]
    return f"{place} > {_short(inside[-1])}" if inside else place


def _short(function: str) -> str:
    """A library's function with the library's name alone."""
    name, _, where = function.partition(" (")
    return f"{name} ({where.partition('/')[0].partition(':')[0].rstrip(')')})"
