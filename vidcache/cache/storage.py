"""What holds the keys and values of a state: the protocol of every storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from vidcache.cache.chosen_rows import ALL_ROWS, ChosenRows
from vidcache.cache.formats import EncodedFrames, KeyValueFormats
from vidcache.cache.layout import CacheLayout

__all__ = ["Place", "Storage", "StoredRows"]


@dataclass(frozen=True, eq=False)
class Place:
    """Where a storage puts the new frames of a step, in every lane.

    Attributes:
        chosen: The rows that the step is for.
        at: Where each of F frames goes, as the storage counts, (F,); or one place for all rows.
        rows: Which of the chosen rows each of these frames is of, as the step counts them; None
            where each row has one frame.
        frames: The number of each in its chunk; None where each row has one frame.
        lanes: Where keys and values of one frame go in each lane, as views (K, nh, N, hd), if the
            storage can say so.
    """

    chosen: ChosenRows
    at: Tensor | int
    rows: Tensor | None = None
    frames: Tensor | None = None
    lanes: Sequence[tuple[Tensor, Tensor]] | None = None


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Keys and values of rows as they are stored, whatever storage they come from.

    Attributes:
        keys: All lanes and slots, (lanes, B, nh, S, N, hd).
        values: The same of the values.
    """

    keys: EncodedFrames
    values: EncodedFrames


class Storage(Protocol):
    """Holds keys and values for the logical slots 0 … S-1 of each row, in every lane.

    Which frame lies in which slot is for the slot table to say. A step asks :meth:`place` once,
    before it computes anything, and then writes and reads lane by lane.
    """

    layout: CacheLayout
    formats: KeyValueFormats

    @property
    def batch_size(self) -> int:
        """Number of rows B."""
        ...

    @property
    def device(self) -> torch.device:
        """Where keys and values are."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of keys, values and their scales."""
        ...

    @property
    def scratch_nbytes(self) -> int:
        """Bytes that are used to read a lane; none where attention reads the storage itself."""
        ...

    def place(self, slots: Tensor, rows: ChosenRows = ALL_ROWS) -> Place:
        """Makes sure that frames can be written, and says where.

        Args:
            slots: Slot of each new frame, (K, T); -1 for a frame that is not kept.
            rows: The K rows that the frames are of. The others are neither written nor read.

        Raises:
            StateError: There is no room, or rows were lost. Then nothing has changed.
        """
        ...

    def write_frame(self, lane: int, place: Place, key: Tensor, value: Tensor) -> None:
        """Writes one frame of every chosen row in place.

        Args:
            lane: The lane.
            place: From :meth:`place`, for T = 1.
            key: Keys, (K, nh, N, hd).
            value: Values, (K, nh, N, hd).
        """
        ...

    def write_chunk(self, lane: int, place: Place, key: Tensor, value: Tensor) -> None:
        """Writes the frames of a chunk that have a place.

        Args:
            lane: The lane.
            place: From :meth:`place`.
            key: Keys, (K, nh, T·N, hd).
            value: Values, (K, nh, T·N, hd).
        """
        ...

    def lane(self, lane: int, place: Place) -> tuple[Tensor, Tensor]:
        """Returns keys and values of a lane, valid until the next call.

        Args:
            lane: The lane.
            place: From :meth:`place`; it says of which rows.

        Returns:
            (K, nh, S·N, hd) each.
        """
        ...

    def round_trip(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Returns keys and values (K, nh, T·N, hd) as they will be read once they are stored."""
        ...

    def new(self, batch_size: int) -> Storage:
        """Returns an empty storage of the same kind.

        Args:
            batch_size: Number of its rows.
        """
        ...

    def take_over(self, rows: Tensor, other: Storage, other_rows: Tensor, held: Tensor) -> None:
        """Puts rows of another storage in the place of rows here.

        Args:
            rows: The rows to replace, int64 (K,).
            other: A storage of the same layout and formats; it is not changed.
            other_rows: The rows to take, int64 (K,).
            held: Which of their slots hold frames, bool (K, S).
        """
        ...

    def read_rows(self, rows: Tensor) -> StoredRows:
        """Returns a copy of rows, in the order asked for.

        Args:
            rows: The rows, int64 (K,).
        """
        ...

    def read_frames(self, rows: Tensor, slots: Tensor) -> tuple[EncodedFrames, EncodedFrames]:
        """Returns a copy of single frames as they are stored.

        Args:
            rows: The row of each, int64 (K,).
            slots: Its slot, which holds a frame, int64 (K,).

        Returns:
            Keys and values, (K, lanes, nh, N, hd).
        """
        ...

    def write_rows(self, rows: Tensor, stored: StoredRows, held: Tensor) -> None:
        """Puts what :meth:`read_rows` gave in the place of rows.

        Args:
            rows: The rows to replace, int64 (K,).
            stored: Keys and values of K rows.
            held: Which of their slots hold frames, bool (K, S).
        """
        ...

    def keep(self, held: Tensor) -> None:
        """Gives back what no frame needs any more.

        Args:
            held: Which slots hold frames, bool (B, S).
        """
        ...
