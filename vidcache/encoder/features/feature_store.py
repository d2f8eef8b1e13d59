"""The folder in which features are kept, and how large it may grow."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vidcache.encoder.features.exact_fingerprint import exact_fingerprint
from vidcache.encoder.features.frame_list import FrameList
from vidcache.encoder.features.shard import INDEX, Number, remove_shard, shard_nbytes
from vidcache.encoder.features.stored_features import StoredFeatures
from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.errors import ConfigError

__all__ = ["FeatureStore"]

_SHARD_BYTES = 1 << 30
_ENCODERS, _VIDEOS, _NOTE = "encoders", "videos", "encoder.txt"


class FeatureStore:
    """Encoder outputs that were computed once, on disk.

    Features are found by the content of the frame and by the encoder's fingerprint, which stands
    for weights, number format, tokens and preprocessing. Beside them lie lists of the frames of
    videos, by the content of the video's file, so that a known video is not even decoded.
    A process that is killed loses at most the frames that it was about to write.

    Args:
        folder: Where it lies; made if it is missing. Several processes may share it.
        max_bytes: Budget for the features on disk, None for none. When a shard is begun, whole
            shards leave that were used longest ago; the budget is exceeded by as much as is
            written meanwhile, at most a shard for each process.
        shard_bytes: Size at which the next shard is begun.

    Raises:
        ConfigError: The folder cannot be made, or a size is not above 0.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from vidcache import FrameEncoder
        >>> from vidcache.encoder.features import FeatureStore, hash_frame
        >>> encoder = FrameEncoder("vit_tiny_patch16_224", None, image_size=64)
        >>> picture = np.zeros((48, 64, 3), np.uint8)
        >>> with tempfile.TemporaryDirectory() as folder, FeatureStore(folder) as store:
        ...     features = store.of(encoder)
        ...     features.put([hash_frame(picture)], encoder(picture[None]))
        ...     features.get(hash_frame(picture)).shape
        (1, 192)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        max_bytes: int | None = None,
        shard_bytes: int = _SHARD_BYTES,
    ) -> None:
        for name, value in (("max_bytes", max_bytes), ("shard_bytes", shard_bytes)):
            if value is not None and value <= 0:
                raise ConfigError(f"{name} is {value}: give a number of bytes above 0")
        self.folder = Path(folder)
        self._max_bytes, self._shard_bytes = max_bytes, shard_bytes
        self._opened: dict[str, StoredFeatures[Any]] = {}
        try:
            (self.folder / _VIDEOS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot keep features in '{folder}' ({error.strerror or error}): give a folder "
                "that can be written"
            ) from None

    def __enter__(self) -> "FeatureStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def of(self, encoder: FrameEncoder) -> StoredFeatures[np.float16]:
        """Opens the features of an encoder, in float16: for trainings, and on any machine.

        Args:
            encoder: Only looked at: another one that computes the same has the same features.

        Returns:
            The features; the same object for the same fingerprint.

        Raises:
            ConfigError: They cannot be read.
        """
        return self._open(encoder.fingerprint()[:32], encoder, np.float16)

    def exact_of(self, encoder: FrameEncoder) -> StoredFeatures[np.float32]:
        """Opens the features of an encoder to the bit, as it computes them on this machine.

        Another processor, or another version of a package that computes, rounds in another way
        and has features of its own.

        Args:
            encoder: Only looked at.

        Returns:
            The features; the same object for the same fingerprint.

        Raises:
            ConfigError: They cannot be read.
        """
        return self._open(exact_fingerprint(encoder)[:32], encoder, np.float32)

    def frames_of(self, video_hash: str) -> FrameList | None:
        """Finds the frames of a video.

        Args:
            video_hash: What `hash_file` says of the video's file.

        Returns:
            Its frames; None if the video is not known.
        """
        return FrameList.read(self._list_path(video_hash))

    def keep_frames(self, video_hash: str, frames: FrameList) -> None:
        """Remembers the frames of a video.

        Raises:
            ConfigError: They cannot be written.
        """
        try:
            frames.write(self._list_path(video_hash))
        except OSError as error:
            raise ConfigError(
                f"cannot write to the feature store '{self.folder}': {error.strerror or error}"
            ) from None

    @property
    def nbytes(self) -> int:
        """Size of all features on disk."""
        return sum(shard_nbytes(path) for path in self._shards())

    def close(self) -> None:
        """Ends what is being written. Features that were read live on."""
        for features in self._opened.values():
            features.close()

    def _open(
        self, name: str, encoder: FrameEncoder, dtype: type[Number]
    ) -> StoredFeatures[Number]:
        if name not in self._opened:
            folder = self.folder / _ENCODERS / name
            shape = (encoder.num_tokens, encoder.num_features)
            self._opened[name] = StoredFeatures(
                folder, shape, dtype, shard_bytes=self._shard_bytes, make_room=self._make_room
            )
            # For people who wonder what the folder is; a folder may be there to be read only.
            with suppress(OSError):
                (folder / _NOTE).write_text(f"{encoder.description}\n", encoding="utf-8")
        return self._opened[name]

    def _list_path(self, video_hash: str) -> Path:
        return self.folder / _VIDEOS / f"{video_hash}.npz"

    def _shards(self) -> list[Path]:
        return list((self.folder / _ENCODERS).glob(f"*/*{INDEX}"))

    def _make_room(self) -> None:
        """Removes the shards that were used longest ago, by whichever process."""
        if self._max_bytes is None:
            return
        surplus = self.nbytes - self._max_bytes
        for _, path in sorted((_age(path), path) for path in self._shards()):
            if surplus <= 0:
                break
            surplus -= shard_nbytes(path)
            remove_shard(path)


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
