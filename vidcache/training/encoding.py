"""From labelled videos to features and targets, each frame encoded once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcache.encoder import FrameEncoder
from vidcache.encoder.features import (
    FeatureStore,
    FrameList,
    StoredFeatures,
    hash_file,
    hash_frame,
)
from vidcache.errors import ConfigError, DataError, SourceError
from vidcache.training.data import LabelledVideo, frame_targets, ignore_mask, read_arrays
from vidcache.training.encoded_video import EncodedVideo
from vidcache.video import open_source

__all__ = ["encode_videos"]

_Progress = Callable[[int, int], None]


def encode_videos(
    videos: Sequence[LabelledVideo],
    labels: Sequence[str],
    encoder: FrameEncoder | None,
    store: FeatureStore,
    *,
    progress: _Progress | None = None,
    batch: int = 16,
    mirrored: bool = False,
) -> list[EncodedVideo]:
    """Encodes the frames of videos that are not in the store yet, and labels all of them.

    The next frames are decoded while some are encoded. A video that the store knows is not
    decoded at all; one that was interrupted is decoded again, but not encoded. Damaged frames are
    there like the others, and do not count.

    Args:
        videos: What to encode. Those that come as arrays are taken as they are.
        labels: All labels, the background first.
        encoder: The encoder; None if all videos come as arrays.
        store: Where features are found and kept.
        progress: Called with the number of frames done and that of all frames, as far as the
            videos' files tell.
        batch: Frames that are encoded together.
        mirrored: Whether left and right change places in every frame first; not possible with
            videos that come as arrays.

    Returns:
        The videos in their order, features as memory maps where the store gives them so.

    Raises:
        SourceError: A video cannot be read.
        DataError: A video has no frames, or its arrays cannot be used.
        ConfigError: The store cannot be used, or holds less than the videos need; or arrays are
            to be mirrored.
    """
    suffix = "-mirrored" if mirrored else ""
    paths = {video.path for video in videos if _is_decoded(video) and video.path is not None}
    hashes = {path: _hash_video(path) + suffix for path in sorted(paths)}
    count = _Count(videos, hashes, store, progress)
    features = None if encoder is None else store.of(encoder)
    encoded: list[EncodedVideo] = []
    for video in videos:
        if video.path is None or not _is_decoded(video):
            if mirrored:
                raise ConfigError(f"{video.name!r} is known by features: they cannot be mirrored")
            encoded.append(_take_arrays(video, labels))
        elif encoder is None or features is None:
            raise ConfigError(f"{video.name!r} is a video: give an encoder for it")
        else:
            digest = hashes[video.path]
            frames = store.frames_of(digest)
            values = None if frames is None else features.read(frames.hashes)
            if frames is None or values is None:
                frames = _encode(video.path, encoder, features, count, batch, mirrored)
                store.keep_frames(digest, frames)
                values = features.read(frames.hashes)
            if values is None:
                raise ConfigError(
                    f"the feature store '{store.folder}' has no room for {video.name!r}: give it "
                    "a larger max_bytes"
                )
            encoded.append(_label(video, labels, frames, values))
            if mirrored:
                encoded[-1] = replace(encoded[-1], name=f"{video.name} mirrored")
        count.finish(video, len(encoded[-1]))
    return encoded


class _Count:
    """How many frames are done, of how many."""

    def __init__(
        self,
        videos: Sequence[LabelledVideo],
        hashes: Mapping[Path, str],
        store: FeatureStore,
        progress: _Progress | None,
    ) -> None:
        self._report = progress
        self._sizes: dict[str, int] = {}
        if progress is not None:
            self._sizes = {video.name: _estimate(video, hashes, store) for video in videos}
        self._before = 0

    def tell(self, num_frames: int) -> None:
        """Frames of the present video that are done."""
        if self._report is not None:
            done = self._before + num_frames
            self._report(done, max(done, self._before + sum(self._sizes.values())))

    def finish(self, video: LabelledVideo, num_frames: int) -> None:
        """The present video is done."""
        self._sizes.pop(video.name, None)
        self._before += num_frames
        self.tell(0)


def _is_decoded(video: LabelledVideo) -> bool:
    return video.path is not None and video.features is None


def _hash_video(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise SourceError(f"cannot read '{path}': {error.strerror or error}") from None


def _estimate(video: LabelledVideo, hashes: Mapping[Path, str], store: FeatureStore) -> int:
    if video.path is None or not _is_decoded(video):
        return 0
    known = store.frames_of(hashes[video.path])
    if known is not None:
        return len(known)
    with open_source(video.path) as source:
        return source.num_frames_estimate or 0


def _take_arrays(video: LabelledVideo, labels: Sequence[str]) -> EncodedVideo:
    arrays = read_arrays(video, tuple(labels))
    features = arrays.features[:, None] if arrays.features.ndim == 2 else arrays.features
    return EncodedVideo(video.name, features, arrays.seconds, arrays.targets, arrays.ignore)


def _encode(
    path: Path,
    encoder: FrameEncoder,
    features: StoredFeatures[np.float16],
    count: _Count,
    batch: int,
    mirrored: bool,
) -> FrameList:
    hashes: list[bytes] = []
    seconds: list[float] = []
    tainted: list[bool] = []
    waiting: dict[bytes, NDArray[np.uint8]] = {}

    def encode_waiting() -> None:
        if waiting:
            features.put(list(waiting), encoder(list(waiting.values())))
            waiting.clear()

    with open_source(path, buffer_frames=batch) as source:
        for frame in source:
            image = frame.image_rgb
            if mirrored:
                image = np.ascontiguousarray(image[:, ::-1])
            hashes.append(hash_frame(image))
            seconds.append(frame.pts_seconds)
            tainted.append("tainted" in frame.flags)
            if hashes[-1] not in features:
                waiting[hashes[-1]] = image
            if len(waiting) == batch:
                encode_waiting()
                count.tell(len(hashes))
        encode_waiting()
        frame_seconds = 1 / source.frame_rate if source.frame_rate > 0 else 0.0
    if not hashes:
        raise DataError(f"'{path}' has no frames: leave it out of the data set")
    end_seconds = seconds[-1] + frame_seconds
    return FrameList(tuple(hashes), np.array(seconds), np.array(tainted), end_seconds)


def _label(
    video: LabelledVideo,
    labels: Sequence[str],
    frames: FrameList,
    features: NDArray[np.float16],
) -> EncodedVideo:
    # Segments count from the first frame, whatever time the file gives it.
    first = float(frames.seconds[0])
    starts, end_seconds = frames.seconds - first, frames.end_seconds - first
    targets = frame_targets(video.segments, labels, starts, end_seconds)
    ignore = frames.tainted | ignore_mask(video.ignored, starts, end_seconds)
    return EncodedVideo(video.name, features, frames.seconds, targets, ignore)
