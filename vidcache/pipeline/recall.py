"""What earlier runs computed on the beginning of the same video, so that it is not done again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vidcache.cache import HeadState, PrefixCache
from vidcache.cache.prefix import chain
from vidcache.frames import Frame
from vidcache.model import ActionModel

__all__ = ["Recall"]

# States are large, so they lie further and further apart; but the features since the last one are
# held while a known file passes by, and stepped through where it turns off.
_SNAPSHOT_FRAMES = 256
_LONGEST_FRAMES = 4096


@dataclass(frozen=True, eq=False)
class _Group:
    """A group of frames that may be stored once more, then with the state after it."""

    prefix: str
    previous: str | None
    scores: Tensor
    features: Tensor


class Recall:
    """Finds the known beginning of one file's frames, and remembers what is computed after it.

    Frames come in groups, as they are encoded. A group is known by the hash of all pictures up to
    its end, so the work of a run is skipped group by group up to the first one that is new; from
    there the state of the head goes on, from the last one that was stored and the features since.
    Everything that could change a bit of the results is part of the hash: weights, settings, the
    size of the groups, the number of threads, the version of PyTorch.

    Args:
        cache: Where blocks are kept.
        model: The action model.
        group_size: Frames of a group; only the last one of a file is smaller.

    Attributes:
        num_frames: Frames whose scores were known, damaged ones included.
    """

    def __init__(self, cache: PrefixCache, model: ActionModel, group_size: int) -> None:
        self.num_frames = 0
        self._cache = cache
        self._model = model
        self._group_size = group_size
        self._stats_before = cache.stats()
        self._prefix: str | None = None
        self._block: str | None = None
        self._recalling = True
        self._state: HeadState | None = None
        self._since_state: list[tuple[Tensor, Tensor | None]] = []
        self._num_kept = 0
        self._next_snapshot = _SNAPSHOT_FRAMES
        self._last: tuple[_Group, HeadState] | None = None

    @property
    def recalling(self) -> bool:
        """Whether every group so far was known."""
        return self._recalling

    def look_up(
        self, frames: Sequence[Frame], seconds: Tensor | None, starts: Sequence[int] = ()
    ) -> Tensor | None:
        """Takes the next group.

        Args:
            frames: The frames, damaged ones included.
            seconds: Times of the good ones, (1, F), where the head counts seconds.
            starts: Numbers of good frames before which the memory begins anew.

        Returns:
            Scores of the good frames, (F, labels); None from the first group on that is not known.
        """
        if len(frames) < self._group_size:
            # A longer version of this file goes on from the last whole group.
            self.finish()
        self._prefix = self._prefix or self._cache.start(self._salt())
        times: list[float] = [] if seconds is None else [float(t) for t in seconds[0]]
        # Labels may change between two groups: from there on known scores are of other labels.
        texts = self._model.text_labels
        labels = "" if texts is None else texts.fingerprint()
        note = f"{list(starts)} {[t.hex() for t in times]}{labels}"
        self._prefix = chain(self._prefix, b"", note)
        for frame in frames:
            pixels = np.ascontiguousarray(frame.image_rgb)
            note = "tainted" if "tainted" in frame.flags else ""
            self._prefix = chain(self._prefix, pixels.data, note)
        block = self._cache.get(self._prefix) if self._recalling else None
        if block is None or block.features is None:
            self._recalling = False
            return None
        if block.state is not None:
            self._state, self._since_state = block.state, []
        else:
            self._follow(block.features, seconds, starts)
        self._block = self._prefix
        self.num_frames += len(frames)
        return block.predictions

    def resume(self) -> HeadState:
        """Returns the state after the last known frame, to go on from."""
        state = self._state or self._model.init_state()
        for features, seconds in self._since_state:
            if len(features):
                self._model.step(features[None].to(state.device), state, seconds)
        self._state, self._since_state = state, []
        return state

    def keep(self, num_frames: int, features: Tensor, scores: Tensor, state: HeadState) -> None:
        """Remembers the group that was looked up last.

        Args:
            num_frames: Its frames, damaged ones included.
            features: Features of the good ones, (F, N, C).
            scores: Their scores, (F, labels).
            state: The state after it.
        """
        if self._prefix is None:
            return
        group = _Group(self._prefix, self._block, scores, features)
        self._num_kept += num_frames
        total = self.num_frames + self._num_kept
        if total >= self._next_snapshot:
            distance = min(max(_SNAPSHOT_FRAMES, total // 4), _LONGEST_FRAMES)
            self._next_snapshot = total + distance
            self._store(group, state)
        else:
            self._store(group, None)
            is_whole = num_frames == self._group_size
            self._last = (group, state) if is_whole else None
        self._block = self._prefix

    def finish(self) -> None:
        """Stores the state after the last whole group, where the next run may have to go on."""
        if self._last is not None:
            self._store(*self._last)

    def stats(self) -> Mapping[str, Any]:
        """Figures of this run: known frames, look-ups, time and bytes."""
        figures = self._cache.stats().since(self._stats_before)
        return {"frames": self.num_frames, **figures.to_dict()}

    def _follow(self, features: Tensor, seconds: Tensor | None, starts: Sequence[int]) -> None:
        """Notes what a state would have to step through to be the one after this group."""
        begin = max(starts, default=0)
        if starts:
            self._state, self._since_state = None, []
        times = None if seconds is None else seconds[:, begin:]
        self._since_state.append((features[begin:], times))

    def _store(self, group: _Group, state: HeadState | None) -> None:
        self._last = None
        self._cache.store(
            group.prefix, group.scores, state, features=group.features, previous=group.previous
        )

    def _salt(self) -> str:
        # Matrix products of other shapes, threads or instructions add up in another order.
        parts = (
            self._model.encoder.fingerprint(),
            self._model.temperature,
            self._group_size,
            torch.__version__,
            torch.get_num_threads(),
            torch.backends.cpu.get_cpu_capability(),
            self._model.encoder.device,
        )
        return " ".join(map(str, parts))
