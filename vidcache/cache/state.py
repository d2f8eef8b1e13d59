"""The state of a stream: everything a head needs to go on, owned by the caller."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vidcache.cache.archive import Archive
from vidcache.cache.dense_storage import DenseStorage
from vidcache.cache.frame_times import NEVER
from vidcache.cache.owner import Head, HeadSettings
from vidcache.cache.saved_state import load_state, save_state
from vidcache.cache.slots import SlotTable
from vidcache.cache.state_rows import RowVerbs
from vidcache.cache.stats import CacheStats
from vidcache.cache.storage import Storage
from vidcache.errors import InputError

if TYPE_CHECKING:
    from vidcache.cache.paged.pool import BlockPool

__all__ = ["HeadState"]


class HeadState(RowVerbs):
    """Cache and slot table of a batch of streams; made by ``head.init_state``.

    The rows of a state are independent streams and may be at different frames. A state belongs to
    the head that made it, and is changed by ``head.step`` and by the methods below only.

    Args:
        settings: The head's config.
        storage: Where keys and values are.
        slots: Which frame lies in which slot; None for new streams.
        compute_dtype: Type of the head's weights when the state was made.
        fingerprint: Says which weights and settings the state belongs to.
        first_frame: Number of the streams' first frame; positions are counted from it.
        archive: Where frames go that leave the slots; None where they are forgotten.

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
        settings: HeadSettings,
        storage: Storage,
        slots: SlotTable | None = None,
        *,
        compute_dtype: torch.dtype,
        fingerprint: str,
        first_frame: int = 0,
        archive: Archive | None = None,
    ) -> None:
        self.settings = settings
        self.layout = storage.layout
        self.storage = storage
        self.slots = slots or SlotTable(
            settings.eviction,
            storage.batch_size,
            self.layout.rollback_margin,
            key_features=self.layout.num_tokens * self.layout.num_heads * self.layout.head_dim,
        )
        self.compute_dtype = compute_dtype
        self.fingerprint = fingerprint
        self.first_frame = first_frame
        self.archive = archive

    @property
    def batch_size(self) -> int:
        """Number of streams B."""
        return len(self.slots.num_seen)

    @property
    def dtype(self) -> torch.dtype:
        """What keys and values are attended in."""
        return self.storage.formats.dtype

    @property
    def device(self) -> torch.device:
        """Where keys and values are stored."""
        return self.storage.device

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
        """Bytes of the cached keys and values, with their scales.

        Without a pool they are allocated once and never grow. With one, they are those of the
        blocks that the state holds now, whether others share them or not.
        """
        return self.storage.nbytes

    @property
    def scratch_nbytes(self) -> int:
        """Bytes beside the cache, used to read it; none where attention reads it in place."""
        return self.storage.scratch_nbytes

    def cached_frames(self, row: int = 0) -> list[int]:
        """Returns the numbers of the frames that a stream now holds, oldest first.

        Args:
            row: The stream.

        Raises:
            InputError: There is no such row.
        """
        number = int(self._numbers([row])[0])
        frames = self.slots.held.index[number][self.slots.remembered()[number]]
        return [self.first_frame + int(frame) for frame in frames.sort().values]

    @property
    def inexact_since(self) -> tuple[int | None, ...]:
        """First frame of each stream whose prediction a clip's mask cannot give, or None.

        Score-based policies and pins keep frames by rules that a clip's mask does not know, and an
        archive shows frames that the mask hides.
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
        self.slots.pin(frame - self.first_frame, int(self._numbers([row])[0]))

    def unpin(self, frame: int, row: int = 0) -> None:
        """Leaves a frame to the policy again; one that is not pinned is left as it is.

        Args:
            frame: Number of the frame.
            row: The stream.

        Raises:
            InputError: There is no such row.
        """
        self.slots.unpin(frame - self.first_frame, int(self._numbers([row])[0]))

    def stats(self) -> CacheStats:
        """Returns the figures of the cache."""
        num_cached = int(self.num_cached.sum())
        appended = int(self.num_seen.sum())
        inexact_since = self.inexact_since
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
            evicted_by=self._evicted_by(appended - num_cached),
            exact=all(frame is None for frame in inexact_since),
            inexact_since=inexact_since,
            archive=self.archive and self.archive.stats(),
        )

    def _evicted_by(self, evicted: int) -> dict[str, int]:
        # A policy that judges shows every frame that it has not let go, so there is one reason.
        judged = self.slots.policy.scored is not None
        return {"reach": 0 if judged else evicted, "score": evicted if judged else 0}

    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Lets streams begin again at frame 0; the other rows are not touched.

        Args:
            rows: The rows to reset; None resets all.

        Raises:
            InputError: There is no such row.
        """
        self.slots.reset(self._numbers(rows))
        self.storage.keep(self._held())
        if self.archive is not None:
            self.archive.reset(self._numbers(rows))

    def rollback(self, num_frames: int, rows: Sequence[int] | None = None) -> None:
        """Undoes the last committed frames exactly, as if they had never been seen.

        None of them can be in the archive, which stays as it is: frames that went there for those
        taken back remain there, so blocks can be full earlier than without them.

        Args:
            num_frames: How many frames, at most the head's ``rollback_margin``.
            rows: The rows to roll back; None means all.

        Raises:
            InputError: The number is negative, or there is no such row.
            StateError: A row cannot go back that far. Then no row was changed.
        """
        if num_frames < 0:
            raise InputError(f"cannot roll back {num_frames} frames: give 0 or more")
        self.slots.rollback(num_frames, self._numbers(rows))
        self.storage.keep(self._held())

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> HeadState:
        """Returns a dense copy on another device or in another type.

        Args:
            device: Where to; None keeps the device.
            dtype: What to attend in; None keeps the type. What is stored plainly in the old type
                is stored in the new one; other storage formats stay.

        Raises:
            ConfigError: A cache cannot be attended in that type.
            StateError: The state lost its blocks to other streams of its pool.
        """
        formats = self.storage.formats.attended_in(dtype or self.dtype)
        place = self.device if device is None else torch.device(device)
        storage = DenseStorage(self.layout, self.batch_size, formats, place)
        rows = torch.arange(self.batch_size)
        storage.write_rows(rows, self.storage.read_rows(rows), self._held())
        archive = None if self.archive is None else self.archive.to(formats, place)
        return self._with(storage, self.slots.clone(), archive)

    def save(self, path: str | Path) -> None:
        """Writes the state to one safetensors file; :meth:`load` goes on from it bit by bit.

        The file does not depend on the storage: a state of a pool can be loaded without one. What
        is in the archive is saved with it, from disk as well.

        Args:
            path: The file. It is replaced whole or not at all.

        Raises:
            StateError: The file cannot be written, or the state lost its blocks to other streams.
        """
        save_state(Path(path), self)

    @classmethod
    def load(
        cls,
        path: str | Path,
        head: Head,
        pool: BlockPool | None = None,
        *,
        archive_folder: str | Path | None = None,
    ) -> HeadState:
        """Reads a state that :meth:`save` wrote.

        Args:
            path: The file.
            head: The head that the state belongs to. Keys and values go to its device.
            pool: Where to put keys and values; None makes a dense state.
            archive_folder: Where an archive with a part on disk makes its file; None is the folder
                of the saved one.

        Returns:
            The state; stepping it gives to the bit what the saved one would have given.

        Raises:
            ConfigError: The archive cannot make its file.
            StateError: The file is missing, damaged, not a state, or of another version; or the
                pool is full or stores in other formats.
            FingerprintError: The state belongs to a head with other weights or settings.
        """
        return load_state(Path(path), head, pool, archive_folder)

    def _with(self, storage: Storage, slots: SlotTable, archive: Archive | None) -> HeadState:
        return HeadState(
            self.settings,
            storage,
            slots,
            compute_dtype=self.compute_dtype,
            fingerprint=self.fingerprint,
            first_frame=self.first_frame,
            archive=archive,
        )

    def __repr__(self) -> str:
        return (
            f"HeadState(rows={self.batch_size}, num_seen={[int(n) for n in self.num_seen]}, "
            f"num_cached={[int(n) for n in self.num_cached]}, nbytes={self.nbytes})"
        )
