"""The state of a stream: everything a head needs to go on, owned by the caller."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from vidcache.cache.eviction.base import EvictionPolicy
from vidcache.cache.frame_times import NEVER
from vidcache.cache.layout import CacheLayout
from vidcache.cache.saved_state import differences, read_state, write_state
from vidcache.cache.slots import SlotTable
from vidcache.cache.stats import CacheStats
from vidcache.cache.storage import DenseStorage
from vidcache.errors import FingerprintError, InputError, StateError

__all__ = ["HeadState"]


class _HeadSettings(Protocol):
    @property
    def cache_layout(self) -> CacheLayout: ...

    @property
    def eviction(self) -> EvictionPolicy: ...

    def to_dict(self) -> dict[str, Any]: ...


class _Head(Protocol):
    @property
    def config(self) -> _HeadSettings: ...

    def fingerprint(self) -> str: ...

    def init_state(
        self, batch_size: int, *, dtype: torch.dtype | None = None, first_frame: int = 0
    ) -> HeadState: ...


class HeadState:
    """Cache and slot table of a batch of streams; made by ``head.init_state``.

    The rows of a state are independent streams and may be at different frames. A state belongs to
    the head that made it, and is changed by ``head.step`` and by the methods below only.

    Args:
        settings: The head's config.
        batch_size: Number of streams B.
        dtype: What keys and values are stored in.
        device: Where they are stored.
        compute_dtype: Type of the head's weights when the state was made.
        fingerprint: Says which weights and settings the state belongs to.
        first_frame: Number of the streams' first frame; positions are counted from it.

    Example:
        >>> import torch
        >>> from vidcache import CameraHead, HeadConfig, SlidingWindow
        >>> head = CameraHead(HeadConfig(in_features=8, width=16, depth=1, num_heads=2,
        ...     num_iterations=2, num_outputs=3, eviction=SlidingWindow(4)))
        >>> state = head.init_state(batch_size=2)
        >>> out = head.step(torch.randn(2, 6, 8), state)
        >>> state.reset(rows=[1])
        >>> state.num_seen.tolist(), state.cached_frames(row=0)
        ([6, 0], [2, 3, 4, 5])
    """

    def __init__(
        self,
        settings: _HeadSettings,
        batch_size: int,
        *,
        dtype: torch.dtype,
        device: torch.device,
        compute_dtype: torch.dtype,
        fingerprint: str,
        first_frame: int = 0,
    ) -> None:
        self.settings = settings
        self.layout = settings.cache_layout
        self.compute_dtype = compute_dtype
        self.fingerprint = fingerprint
        self.first_frame = first_frame
        self.slots = SlotTable(
            settings.eviction,
            batch_size,
            self.layout.rollback_margin,
            key_features=self.layout.num_tokens * self.layout.num_heads * self.layout.head_dim,
        )
        self.storage = DenseStorage(self.layout, batch_size, dtype, device)

    @property
    def batch_size(self) -> int:
        """Number of streams B."""
        return len(self.slots.num_seen)

    @property
    def dtype(self) -> torch.dtype:
        """What keys and values are stored in."""
        return self.storage.keys.dtype

    @property
    def device(self) -> torch.device:
        """Where keys and values are stored."""
        return self.storage.keys.device

    @property
    def num_seen(self) -> Tensor:
        """All frames of each stream so far, int64 (B,)."""
        return self.slots.num_seen

    @property
    def num_cached(self) -> Tensor:
        """Frames that each stream now holds, int64 (B,)."""
        return self.slots.remembered().sum(dim=1)

    @property
    def nbytes(self) -> int:
        """Bytes of the cached keys and values. They are allocated once and never grow."""
        return self.storage.nbytes

    def cached_frames(self, row: int = 0) -> list[int]:
        """Returns the numbers of the frames that a stream now holds, oldest first.

        Args:
            row: The stream.

        Raises:
            InputError: There is no such row.
        """
        number = int(self._rows([row])[0])
        frames = self.slots.held.index[number][self.slots.remembered()[number]]
        return [self.first_frame + int(frame) for frame in frames.sort().values]

    @property
    def inexact_since(self) -> tuple[int | None, ...]:
        """First frame of each stream whose prediction a clip's mask cannot give, or None.

        Score-based policies and pins keep frames by rules that a clip's mask does not know.
        """
        frames = [int(frame) for frame in self.slots.inexact_since]
        return tuple(None if frame == NEVER else self.first_frame + frame for frame in frames)

    def pin(self, frame: int, row: int = 0) -> None:
        """Keeps a frame whatever the policy says, until it is unpinned or its row is reset.

        Args:
            frame: Number of a frame among :meth:`cached_frames`.
            row: The stream.

        Raises:
            InputError: There is no such row.
            StateError: The frame is not held, or the policy has no room for one more pinned frame.
        """
        self.slots.pin(frame - self.first_frame, int(self._rows([row])[0]))

    def unpin(self, frame: int, row: int = 0) -> None:
        """Leaves a frame to the policy again; one that is not pinned is left as it is.

        Args:
            frame: Number of the frame.
            row: The stream.

        Raises:
            InputError: There is no such row.
        """
        self.slots.unpin(frame - self.first_frame, int(self._rows([row])[0]))

    def stats(self) -> CacheStats:
        """Returns the figures of the cache."""
        num_cached = int(self.num_cached.sum())
        appended = int(self.num_seen.sum())
        return CacheStats(
            nbytes=self.nbytes,
            policy=self.slots.policy.to_dict(),
            num_rows=self.batch_size,
            num_lanes=self.layout.num_lanes,
            num_slots=self.layout.num_slots,
            num_cached=num_cached,
            occupancy=num_cached / (self.batch_size * self.slots.policy.capacity),
            appended=appended,
            evicted=appended - num_cached,
            exact=all(frame is None for frame in self.inexact_since),
            inexact_since=self.inexact_since,
        )

    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Lets streams begin again at frame 0; the other rows are not touched.

        Args:
            rows: The rows to reset; None resets all.

        Raises:
            InputError: There is no such row.
        """
        self.slots.reset(self._rows(rows))

    def rollback(self, num_frames: int, rows: Sequence[int] | None = None) -> None:
        """Undoes the last committed frames exactly, as if they had never been seen.

        Args:
            num_frames: How many frames, at most the head's ``rollback_margin``.
            rows: The rows to roll back; None means all.

        Raises:
            InputError: The number is negative, or there is no such row.
            StateError: A row cannot go back that far. Then no row was changed.
        """
        if num_frames < 0:
            raise InputError(f"cannot roll back {num_frames} frames: give 0 or more")
        self.slots.rollback(num_frames, self._rows(rows))

    def fork(self) -> HeadState:
        """Returns an independent copy that goes on from the same frame."""
        return self.to()

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> HeadState:
        """Returns a copy on another device or in another storage type.

        Args:
            device: Where to; None keeps the device.
            dtype: What to store keys and values in; None keeps the type.
        """
        twin = HeadState(
            self.settings,
            self.batch_size,
            dtype=dtype or self.dtype,
            device=torch.device(device) if device is not None else self.device,
            compute_dtype=self.compute_dtype,
            fingerprint=self.fingerprint,
            first_frame=self.first_frame,
        )
        twin.slots = self.slots.clone()
        twin.storage.copy_from(self.storage)
        return twin

    def save(self, path: str | Path) -> None:
        """Writes the state to one safetensors file; :meth:`load` goes on from it bit by bit.

        Args:
            path: The file. It is replaced whole or not at all.

        Raises:
            StateError: The file cannot be written.
        """
        tensors = {f"slots.{name}": tensor for name, tensor in self.slots.tensors().items()}
        tensors |= {"keys": self.storage.keys, "values": self.storage.values}
        metadata = {
            "fingerprint": self.fingerprint,
            "settings": json.dumps(self.settings.to_dict()),
            "first_frame": str(self.first_frame),
        }
        write_state(Path(path), metadata, tensors)

    @classmethod
    def load(cls, path: str | Path, head: _Head) -> HeadState:
        """Reads a state that :meth:`save` wrote.

        Args:
            path: The file.
            head: The head that the state belongs to. Keys and values go to its device.

        Returns:
            The state; stepping it gives to the bit what the saved one would have given.

        Raises:
            StateError: The file is missing, cut off, not a state, or of a newer version.
            FingerprintError: The state belongs to a head with other weights or settings.
        """
        metadata, tensors = read_state(Path(path))
        try:
            if metadata["fingerprint"] != head.fingerprint():
                theirs = json.loads(metadata["settings"])
                raise FingerprintError(
                    f"{path} belongs to another head "
                    f"({differences(theirs, head.config.to_dict())}): "
                    "load it with the head that saved it"
                )
            state = head.init_state(
                len(tensors["slots.num_seen"]),
                dtype=tensors["keys"].dtype,
                first_frame=int(metadata["first_frame"]),
            )
            state.storage.keys.copy_(tensors["keys"])
            state.storage.values.copy_(tensors["values"])
            blank = state.slots.tensors()
            saved = {name: blank[name].copy_(tensors[f"slots.{name}"]) for name in blank}
        except (KeyError, RuntimeError, ValueError) as error:
            if isinstance(error, FingerprintError):
                raise
            raise StateError(f"{path} is no whole vidcache state: {error}") from None
        state.slots.load_tensors(saved)
        return state

    def _rows(self, rows: Sequence[int] | None) -> Tensor:
        if rows is None:
            return torch.arange(self.batch_size)
        for row in rows:
            if not 0 <= row < self.batch_size:
                raise InputError(f"row {row} of a state of {self.batch_size} rows: count from 0")
        return torch.tensor(list(rows), dtype=torch.int64)

    def __repr__(self) -> str:
        return (
            f"HeadState(rows={self.batch_size}, num_seen={[int(n) for n in self.num_seen]}, "
            f"num_cached={[int(n) for n in self.num_cached]}, nbytes={self.nbytes})"
        )
