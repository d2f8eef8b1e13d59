"""Keys and values in one preallocated block of slots: the storage of a state without a pool."""

from __future__ import annotations

import torch
from torch import Tensor

from vidcache.cache.chosen_rows import ALL_ROWS, ChosenRows
from vidcache.cache.formats import Decoder, EncodedFrames, KeyValueFormats, Scratch, StorageFormat
from vidcache.cache.layout import CacheLayout
from vidcache.cache.storage import Place, Storage, StoredRows

__all__ = ["DenseStorage"]


class DenseStorage:
    """Keys and values of every lane in slots that are allocated once and written in place.

    Args:
        layout: The shape.
        batch_size: Number of streams B.
        formats: How keys and values are stored and attended in.
        device: Where to store.

    Attributes:
        keys: (lanes, B, nh, S, N, hd).
        values: The same of the values.
    """

    def __init__(
        self,
        layout: CacheLayout,
        batch_size: int,
        formats: KeyValueFormats,
        device: torch.device,
    ) -> None:
        self.layout = layout
        self.formats = formats
        shape = (
            layout.num_lanes,
            batch_size,
            layout.num_heads,
            layout.num_slots,
            layout.num_tokens,
            layout.head_dim,
        )
        # A state made in inference mode must be writable outside of it.
        with torch.inference_mode(False):
            self.keys = formats.key.empty(shape, device)
            self.values = formats.value.empty(shape, device)
        self._rows = torch.arange(batch_size, device=device)
        # Views made once: a step then asks for its lane without any indexing.
        self._key_lanes = [self.keys.at(lane) for lane in range(layout.num_lanes)]
        self._value_lanes = [self.values.at(lane) for lane in range(layout.num_lanes)]
        self._key_decoder = Decoder(formats.key, formats.dtype, shape[1:], device)
        self._value_decoder = Decoder(formats.value, formats.dtype, shape[1:], device)
        self._gathered_keys = Scratch.as_stored(formats.key, shape[1:], device)
        self._gathered_values = Scratch.as_stored(formats.value, shape[1:], device)
        self._direct: list[tuple[Tensor, Tensor]] = []
        if self._key_decoder.direct and self._value_decoder.direct:
            for key, value in zip(self._key_lanes, self._value_lanes, strict=True):
                self._direct.append((key.data.flatten(2, 3), value.data.flatten(2, 3)))

    @property
    def batch_size(self) -> int:
        """Number of rows B."""
        return self.keys.data.shape[1]

    @property
    def device(self) -> torch.device:
        """Where keys and values are."""
        return self.keys.data.device

    @property
    def nbytes(self) -> int:
        """Bytes of keys, values and their scales, allocated once."""
        return self.keys.nbytes + self.values.nbytes

    @property
    def scratch_nbytes(self) -> int:
        """Bytes that a lane is gathered and decoded into; none where attention reads in place."""
        gathered = self._gathered_keys.nbytes + self._gathered_values.nbytes
        return gathered + self._key_decoder.nbytes + self._value_decoder.nbytes

    def place(self, slots: Tensor, rows: ChosenRows = ALL_ROWS) -> Place:
        """Says where frames go; see :class:`Storage`."""
        chosen = rows.to(self.device) if isinstance(rows, Tensor) else rows
        if slots.shape[1] > 1:
            of, frames = (slots >= 0).nonzero(as_tuple=True)
            at = slots[of, frames].to(self.device)
            return Place(chosen, at, of.to(self.device), frames.to(self.device))
        slots = slots[:, 0]
        if len(slots) > 1 and not bool((slots == slots[0]).all()):
            return Place(chosen, slots.to(self.device))
        at = int(slots[0])
        is_plain = self.formats.key.plain and self.formats.value.plain
        if not is_plain or not isinstance(chosen, slice):
            return Place(chosen, at)
        # All lanes' views in a few calls: one by one they take as long as the copies.
        keys, values = (side.data[:, chosen, :, at].unbind() for side in (self.keys, self.values))
        return Place(chosen, at, lanes=list(zip(keys, values, strict=True)))

    def write_frame(self, lane: int, place: Place, key: Tensor, value: Tensor) -> None:
        """Writes one frame of every chosen row in place; see :class:`Storage`."""
        if place.lanes is not None:
            # The copy converts: one call instead of two where time counts most.
            own_key, own_value = place.lanes[lane]
            own_key.copy_(key)
            own_value.copy_(value)
            return
        self._put_frame(self.formats.key, self._key_lanes[lane], place, key)
        self._put_frame(self.formats.value, self._value_lanes[lane], place, value)

    def _put_frame(
        self, storage_format: StorageFormat, stored: EncodedFrames, place: Place, new: Tensor
    ) -> None:
        chosen, at = place.chosen, place.at
        in_place = isinstance(at, int) and isinstance(chosen, slice)
        for part, encoded in zip(stored.parts(), storage_format.encode(new).parts(), strict=True):
            if in_place:
                part[chosen, :, at].copy_(encoded)
            else:
                part[self._rows[chosen], :, at] = encoded

    def write_chunk(self, lane: int, place: Place, key: Tensor, value: Tensor) -> None:
        """Writes the frames of a chunk that have a place; see :class:`Storage`."""
        num_tokens = self.layout.num_tokens
        rows = self._rows[place.chosen][place.rows]
        for storage_format, stored, new in (
            (self.formats.key, self._key_lanes[lane], key),
            (self.formats.value, self._value_lanes[lane], value),
        ):
            by_frame = torch.unflatten(new, 2, (-1, num_tokens))
            encoded = storage_format.encode(by_frame[place.rows, :, place.frames])
            for part, new_part in zip(stored.parts(), encoded.parts(), strict=True):
                part[rows, :, place.at] = new_part

    def lane(self, lane: int, place: Place) -> tuple[Tensor, Tensor]:
        """Returns a lane's keys and values, (K, nh, S·N, hd); see :class:`Storage`."""
        chosen = place.chosen
        if self._direct and isinstance(chosen, slice):
            keys, values = self._direct[lane]
            return (keys, values) if chosen is ALL_ROWS else (keys[chosen], values[chosen])
        keys = _of_rows(self._key_lanes[lane], chosen, self._gathered_keys)
        values = _of_rows(self._value_lanes[lane], chosen, self._gathered_values)
        keys, values = self._key_decoder.decode(keys), self._value_decoder.decode(values)
        return keys.flatten(2, 3), values.flatten(2, 3)

    def round_trip(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Returns keys and values as they will be read; see :class:`Storage`."""
        num_tokens = self.layout.num_tokens
        return (
            self._key_decoder.round_trip(key, num_tokens),
            self._value_decoder.round_trip(value, num_tokens),
        )

    def new(self, batch_size: int) -> DenseStorage:
        """Returns an empty storage for another number of rows."""
        return DenseStorage(self.layout, batch_size, self.formats, self.device)

    def take_over(self, rows: Tensor, other: Storage, other_rows: Tensor, held: Tensor) -> None:
        """Copies rows of another storage; see :class:`Storage`."""
        self.write_rows(rows, other.read_rows(other_rows), held)

    def read_rows(self, rows: Tensor) -> StoredRows:
        """Returns a copy of rows; see :class:`Storage`."""
        rows = rows.to(self.device)
        return StoredRows(
            self.keys.map(lambda part: part.index_select(1, rows)),
            self.values.map(lambda part: part.index_select(1, rows)),
        )

    def read_frames(self, rows: Tensor, slots: Tensor) -> tuple[EncodedFrames, EncodedFrames]:
        """Returns a copy of single frames; see :class:`Storage`."""
        rows, slots = rows.to(self.device), slots.to(self.device)
        return (
            self.keys.map(lambda part: part[:, rows, :, slots]),
            self.values.map(lambda part: part[:, rows, :, slots]),
        )

    def write_rows(self, rows: Tensor, stored: StoredRows, held: Tensor) -> None:
        """Replaces rows; see :class:`Storage`."""
        rows = rows.to(self.device)
        for mine, new in ((self.keys, stored.keys), (self.values, stored.values)):
            for part, new_part in zip(mine.parts(), new.parts(), strict=True):
                part.index_copy_(1, rows, new_part.to(part))

    def keep(self, held: Tensor) -> None:
        """Does nothing: all memory stays allocated."""


def _of_rows(lane: EncodedFrames, rows: ChosenRows, room: Scratch) -> EncodedFrames:
    """Returns rows of a lane (B, …): a view where they follow each other, else gathered."""
    if isinstance(rows, slice):
        return lane.at(rows)
    gathered = room.frames((len(rows), *lane.data.shape[1:]))
    for part, out in zip(lane.parts(), gathered.parts(), strict=True):
        torch.index_select(part, 0, rows, out=out)
    return gathered
