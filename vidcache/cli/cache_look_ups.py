"""The look-ups of ``vidcache bench cache``: what archives and prefix caches find, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

from vidcache.cache import ArchiveConfig, PrefixCache, SlidingWindow
from vidcache.cli.cache_workload import Workload

__all__ = ["LookUps", "look_up_archive", "look_up_prefixes"]

_BLOCK_SIZE = 4


@dataclass(frozen=True)
class LookUps:
    """What looking up came to.

    Attributes:
        name: What was looked up.
        hits: What was found.
        misses: What was not.
        nbytes: Bytes of what can be found.
        seconds: Time of one look-up; for an archive, of those of one frame in all lanes.
    """

    name: str
    hits: int
    misses: int
    nbytes: int
    seconds: float


def look_up_archive(workload: Workload, budget: int) -> LookUps:
    """Streams the workload with half the budget as a window, and half for what is brought back.

    Args:
        workload: The stream.
        budget: Frames that are attended in all.
    """
    half = budget // 2
    head = workload.head(SlidingWindow(half))
    archive = ArchiveConfig(_BLOCK_SIZE, retrieve_blocks=half // _BLOCK_SIZE)
    state = head.init_state(archive=archive)
    head.step(workload.features, state, workload.seconds)
    figures = state.stats().archive
    assert figures is not None
    return LookUps(
        f"blocks of {_BLOCK_SIZE} archived frames",
        figures.host_hits + figures.disk_hits,
        figures.misses,
        figures.host_nbytes + figures.disk_nbytes,
        figures.look_up_seconds / workload.features.shape[1],
    )


def look_up_prefixes(workload: Workload, budget: int) -> LookUps:
    """Remembers the workload shot by shot, and looks it up again as it was and backwards.

    Args:
        workload: The stream.
        budget: Frames of the sliding window.
    """
    head = workload.head(SlidingWindow(budget))
    cache, state = PrefixCache(head), head.init_state()
    features, seconds = workload.features, workload.seconds
    hashes = cache.hashes(features[0], seconds[0])
    previous = None
    num_frames = features.shape[1]
    for begin, end in zip(workload.cuts, (*workload.cuts[1:], num_frames), strict=True):
        shot = head.step(features[:, begin:end], state, seconds[:, begin:end])
        cache.store(hashes[end - 1], shot.prediction[0], state, previous=previous)
        previous = hashes[end - 1]
    cache.longest(hashes)
    cache.longest(cache.hashes(features[0].flip(0), seconds[0]))
    figures = cache.stats()
    look_ups = figures.hits + figures.misses
    return LookUps(
        f"prefixes of up to {num_frames} frames",
        figures.hits,
        figures.misses,
        figures.nbytes,
        figures.look_up_seconds / look_ups,
    )
