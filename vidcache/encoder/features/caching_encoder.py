"""An encoder that leaves out the pictures whose features are known."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidcache.encoder.features.cached_features import CachedFeatures, FoundFeatures
from vidcache.encoder.features.content_hash import DIGEST_BYTES
from vidcache.encoder.features.feature_cache import FeatureCache
from vidcache.encoder.features.near_pictures import NearPictures, thumbnails
from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.errors import InputError

__all__ = ["CachedStream", "CachingEncoder", "Each"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Each(Protocol):
    """Does something to every item, in order or side by side, as `map` does."""

    def __call__(
        self, work: Callable[[_Item], _Result], items: Iterable[_Item], /
    ) -> Iterator[_Result]:
        """Yields the results in the order of the items."""
        ...


@dataclass(eq=False)
class _Features:
    """The features of a picture, (N, C), once they are known."""

    value: Tensor | None = None


@dataclass(frozen=True, eq=False)
class _Piece:
    """Pictures that are computed together.

    Attributes:
        pixels: What the encoder is given, (B, 3, height, width).
        keys: What each is known by.
        found: What the cache has of each.
        thumbnails: A row for each; None where near pictures are not looked for.
    """

    pixels: Tensor
    keys: tuple[bytes, ...]
    found: tuple[FoundFeatures | None, ...]
    thumbnails: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class _Missing:
    """A piece that has to be computed, and for which of its rows."""

    piece: _Piece
    rows: dict[int, _Features]


@dataclass(eq=False)
class CachedStream:
    """What is counted and remembered of one stream; its size does not grow.

    Attributes:
        num_frames: Pictures so far.
        num_memory: How many of them were known in memory, or came twice at the same time.
        num_disk: How many were known on disk.
        num_near: How many took the features of one that looks almost alike.
    """

    num_frames: int = 0
    num_memory: int = 0
    num_disk: int = 0
    num_near: int = 0
    _near: NearPictures[_Features] | None = field(default=None, repr=False)

    def near_pictures(self, threshold: float | None) -> "NearPictures[_Features] | None":
        """The pictures of the stream that the next ones may be near to; None without threshold."""
        if self._near is None and threshold is not None:
            self._near = NearPictures(threshold)
        return self._near

    @property
    def num_hits(self) -> int:
        """Pictures that were not encoded."""
        return self.num_memory + self.num_disk + self.num_near

    def to_dict(self) -> dict[str, Any]:
        """Returns the figures as plain values, for JSON."""
        return {
            "frames": self.num_frames,
            "hits": {"memory": self.num_memory, "disk": self.num_disk, "near": self.num_near},
            "hit_rate": round(self.num_hits / self.num_frames, 4) if self.num_frames else 0.0,
        }


class CachingEncoder:
    """Encodes pictures that are new, and looks the others up.

    A picture is known by the hash of what the encoder is given of it, the pixels after resizing
    and cutting out: that is as exact as a hash of the picture, and costs less of large ones.

    Args:
        encoder: The encoder; its weights are not to change any more.
        cache: Where features are kept.
        near_duplicate: Mean difference in grey levels up to which a picture takes the features of
            one of its stream that looks almost alike; see `NearPictures`. None for equal pictures
            only, which is exact.

    Raises:
        ConfigError: The cache cannot be read.

    Example:
        >>> import numpy as np
        >>> from vidcache import FrameEncoder
        >>> from vidcache.encoder.features import CachedStream, CachingEncoder, FeatureCache
        >>> encoder = FrameEncoder("vit_tiny_patch16_224", None, image_size=64)
        >>> caching, stream = CachingEncoder(encoder, FeatureCache(1 << 20)), CachedStream()
        >>> picture = np.zeros((48, 64, 3), np.uint8)
        >>> caching([[picture, picture]], [stream])[0].shape, stream.num_hits
        (torch.Size([2, 1, 192]), 1)
    """

    def __init__(
        self, encoder: FrameEncoder, cache: FeatureCache, near_duplicate: float | None = None
    ) -> None:
        self._encoder = encoder
        self._features: CachedFeatures = cache.of(encoder)
        self._near_duplicate = near_duplicate

    @property
    def nbytes_by_tier(self) -> dict[str, int]:
        """See `CachedFeatures`."""
        return self._features.nbytes_by_tier

    def __call__(
        self,
        images: Sequence[Sequence[NDArray[np.uint8]]],
        streams: Sequence[CachedStream],
        *,
        num_threads: int | None = None,
        piece_size: int = 1,
        each: Each = map,
    ) -> list[Tensor]:
        """Encodes the next pictures of streams.

        Args:
            images: For each stream its pictures, each (height, width, 3), uint8.
            streams: What is remembered of each stream; they are changed.
            num_threads: Threads that the ViT uses for a piece; None for as many as torch may.
            piece_size: Pictures that are computed together. Such a piece is looked up as a whole,
                since what is computed beside a picture can change its rounding.
            each: How pieces are worked on.

        Returns:
            For each stream float32 tokens, (F, N, C): what the encoder gives for the pieces, to
            the bit, unless near pictures are looked for.

        Raises:
            InputError: Pictures have another type or shape, or there is not a stream for each.
        """
        if len(images) != len(streams):
            raise InputError(f"{len(images)} streams, {len(streams)} records: give each its own")
        threads = torch.get_num_threads() if num_threads is None else num_threads
        flat = [image for group in images for image in group]
        groups = [flat[at : at + piece_size] for at in range(0, len(flat), piece_size)]
        pieces = list(each(lambda group: self._prepare(group, threads), groups))
        owners = (stream for group, stream in zip(images, streams, strict=True) for _ in group)
        chosen: list[_Features] = []
        missing: list[_Missing] = []
        together: dict[bytes, _Features] = {}
        for piece in pieces:
            new: dict[int, _Features] = {}
            for row in range(len(piece.keys)):
                features, is_new = self._choose(piece, row, next(owners), together)
                chosen.append(features)
                if is_new:
                    new[row] = features
            if new:
                missing.append(_Missing(piece, new))
        for _ in each(lambda piece: self._compute(piece, threads), missing):
            pass
        ends = list(accumulate(len(group) for group in images))
        return [self._join(chosen[a:b]) for a, b in zip([0, *ends], ends, strict=False)]

    def _prepare(self, images: Sequence[NDArray[np.uint8]], num_threads: int) -> _Piece:
        with torch.inference_mode():
            pixels = self._encoder.preprocess(images)
            # What else the bits of a picture depend on is part of what it is known by.
            note = f"{len(images)} {num_threads} ".encode()
            keys = tuple(_hash(note, picture) for picture in pixels.cpu().numpy())
            near = None
            if self._near_duplicate is not None:
                near = thumbnails(pixels, self._encoder.preprocessing)
        found = tuple(self._features.find(key) for key in keys)
        if None in found:
            found = (None,) * len(found)
        return _Piece(pixels, keys, found, near)

    def _choose(
        self, piece: _Piece, row: int, stream: CachedStream, together: dict[bytes, _Features]
    ) -> tuple[_Features, bool]:
        """The features of a picture, and whether they are still to be computed."""
        stream.num_frames += 1
        near = stream.near_pictures(self._near_duplicate)
        thumbnail = None if piece.thumbnails is None else piece.thumbnails[row]
        # Near pictures come first: what a stream's pictures get then depends on it alone, and not
        # on what happens to be in a cache that others share.
        if near is not None and thumbnail is not None and (found := near.find(thumbnail)):
            stream.num_near += 1
            return found, False
        key, known = piece.keys[row], piece.found[row]
        features = together.get(key)
        is_new = features is None and known is None
        if features is None:
            features = _Features(None if known is None else torch.as_tensor(known.features))
            together[key] = features
        if not is_new:
            is_from_disk = known is not None and known.tier == "disk"
            stream.num_disk += is_from_disk
            stream.num_memory += not is_from_disk
        if near is not None and thumbnail is not None:
            near.add(thumbnail, features)
        return features, is_new

    def _compute(self, missing: _Missing, num_threads: int) -> None:
        piece = missing.piece
        tokens = self._encoder.encode_pixels(piece.pixels, num_threads)
        for row, features in missing.rows.items():
            features.value = tokens[row]
            self._features.keep(piece.keys[row], tokens[row].cpu().numpy())

    def _join(self, features: Sequence[_Features]) -> Tensor:
        encoder = self._encoder
        values = [one.value.to(encoder.device) for one in features if one.value is not None]
        if not values:
            return torch.empty(0, encoder.num_tokens, encoder.num_features, device=encoder.device)
        return torch.stack(values)


def _hash(note: bytes, pixels: NDArray[np.float32]) -> bytes:
    digest = hashlib.sha256(note)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()[:DIGEST_BYTES]
