# pyright: basic
"""Which of several ways to compute the same is fastest here: measured once, and remembered."""

import contextlib
import functools
import hashlib
import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcache.runtime.arithmetic import describe_arithmetic
from vidcache.runtime.cache_folder import cache_folder

__all__ = ["Choice", "choose_fastest"]

_log = logging.getLogger(__name__)

_NUM_TURNS = 5

# Seconds after which people should know what they are waiting for.
_PATIENCE = 2.0


@dataclass(frozen=True)
class Choice:
    """A way to compute, and why it was taken.

    Attributes:
        name: The way.
        reason: Why, in a few words.
    """

    name: str
    reason: str


Prepare = Callable[[], Callable[[], object]]
"""Makes one of the ways ready; what it returns is timed."""

_lock = threading.Lock()
_known: dict[str, Choice] = {}


def choose_fastest(question: Mapping[str, Any], ways: Mapping[str, Prepare]) -> Choice:
    """Times every way in turns and says which is fastest; the same question is measured once.

    The answer is kept in the cache folder, so that later processes compute the same to the bit
    and begin at once, whatever share of the processors they have. Another processor, or another
    version of a package, is another question.

    Args:
        question: What is to be computed, as plain values.
        ways: The ways by name, at least one. One that cannot be made ready is left out; the last
            error is raised if none can.

    Returns:
        The fastest, with the times.
    """
    key = _key(question)
    with _lock:
        if key not in _known:
            _known[key] = _remembered(key, ways) or _measure(key, ways)
        return _known[key]


def _key(question: Mapping[str, Any]) -> str:
    here = {
        "question": dict(question),
        "processors": os.cpu_count(),
        **describe_arithmetic(),
    }
    return hashlib.sha256(json.dumps(here, sort_keys=True).encode()).hexdigest()[:32]


def _file() -> Path:
    return cache_folder() / "fastest.json"


def _read_file() -> dict[str, Any]:
    try:
        said = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _remembered(key: str, ways: Mapping[str, Prepare]) -> Choice | None:
    entry = _read_file().get(key)
    if not isinstance(entry, dict) or entry.get("name") not in ways:
        return None
    return Choice(str(entry["name"]), str(entry.get("reason", "remembered")))


@functools.cache
def _announce() -> None:
    """Says, once a process, what makes people wait."""
    _log.info("measuring what is fastest on this machine; later runs remember it")


@contextlib.contextmanager
def _explained_wait() -> Generator[None]:
    """Announces what the block does if it takes long."""
    timer = threading.Timer(_PATIENCE, _announce)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@_explained_wait()
def _measure(key: str, ways: Mapping[str, Prepare]) -> Choice:
    ready: dict[str, Callable[[], object]] = {}
    failure: Exception | None = None
    for name, prepare in ways.items():
        try:
            call = prepare()
            call()
        except Exception as error:  # engines raise any kind for a network that they cannot run
            failure = error
            continue
        ready[name] = call
    if not ready:
        assert failure is not None, "there is at least one way"
        raise failure
    best = dict.fromkeys(ready, float("inf"))
    for _ in range(_NUM_TURNS):
        for name, call in ready.items():
            start = time.perf_counter()
            call()
            # What else the machine does only ever makes a call slower.
            best[name] = min(best[name], time.perf_counter() - start)
    order = sorted(best, key=lambda name: best[name])
    times = ", ".join(f"{name} {1000 * best[name]:.0f} ms" for name in order)
    choice = Choice(order[0], f"measured here: {times}" if len(order) > 1 else "the only one here")
    # Another process may have been at the same question: whoever was first decides for all.
    earlier = _remembered(key, ways)
    if earlier is None:
        _remember(key, choice)
    return earlier or choice


def _remember(key: str, choice: Choice) -> None:
    """Adds to the file, which is replaced whole: several processes may do so at once."""
    path = _file()
    with contextlib.suppress(OSError):  # a folder that cannot be written: measured again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        known = _read_file() | {key: {"name": choice.name, "reason": choice.reason}}
        handle, name = tempfile.mkstemp(dir=path.parent, prefix="fastest-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(known, file, indent=1)
        Path(name).replace(path)
