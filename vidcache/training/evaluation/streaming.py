"""The scores that a model gives to videos as streams, frame by frame, and as whole clips."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vidcache.errors import InputError
from vidcache.model import ActionModel
from vidcache.training.encoded_video import EncodedVideo

__all__ = ["clip_scores", "delay_by_seconds", "delay_scores", "delayed_scores", "stream_scores"]


def stream_scores(
    model: ActionModel,
    videos: Sequence[EncodedVideo],
    *,
    delay: int = 0,
    rows: int = 16,
    progress: Callable[[int], None] | None = None,
) -> list[NDArray[np.float32]]:
    """Score videos as streams: one frame at a time, with the memory that a camera would have.

    Many videos go on side by side, each in a row of one state; a row whose video has ended takes
    the next one. The head computes in float64, in a copy, so that the scores do not depend on the
    number of rows, and are those of :func:`clip_scores`; a stream that runs in float32 differs by
    rounding.

    Args:
        model: The model.
        videos: The videos; their lengths may differ.
        delay: Frames by which scores are late; see :func:`delay_scores`.
        rows: Videos side by side, at most.
        progress: Called with the number of frames after each step.

    Returns:
        Calibrated probabilities of each video, shape (T, K).

    Raises:
        InputError: There is no video, one has no frame, its features do not fit the model, or a
            number is out of range.
    """
    _require_frames(videos)
    if rows < 1:
        raise InputError(f"rows is {rows}: give at least 1")
    exact = _exact(model)
    state = exact.init_state(min(rows, len(videos)))
    scores = [np.empty((len(video), len(model.labels)), np.float32) for video in videos]
    # The longest first, so that the last rows do not go on alone for long.
    waiting = sorted(range(len(videos)), key=lambda number: len(videos[number]))
    active: dict[int, tuple[int, int]] = {}
    while waiting or active:
        for row in range(state.batch_size):
            if row not in active and waiting:
                state.reset(rows=[row])
                active[row] = (waiting.pop(), 0)
        places = sorted(active.items())
        frames = [(videos[number], frame) for _, (number, frame) in places]
        said = exact.step(
            torch.as_tensor(
                np.stack([video.features[frame] for video, frame in frames])[:, None]
            ).to(_device(exact), torch.float64),
            state,
            torch.tensor([[video.seconds[frame]] for video, frame in frames], dtype=torch.float64),
            rows=[row for row, _ in places],
        )
        for (row, (number, frame)), row_scores in zip(places, said[:, 0].cpu(), strict=True):
            scores[number][frame] = row_scores.numpy()
            if frame + 1 < len(videos[number]):
                active[row] = (number, frame + 1)
            else:
                del active[row]
        if progress is not None:
            progress(len(places))
    return [delay_scores(video_scores, delay) for video_scores in scores]


def clip_scores(model: ActionModel, videos: Sequence[EncodedVideo]) -> list[NDArray[np.float32]]:
    """Score each video in one piece, through the mask of the model's memory.

    Faster than :func:`stream_scores` and, where the policy of the memory has a mask, the same:
    for a look at a model while it is trained. It needs memory for the square of the frames.

    Args:
        model: The model.
        videos: The videos.

    Returns:
        Calibrated probabilities of each video, shape (T, K).

    Raises:
        InputError: There is no video, one has no frame, or its features do not fit the model.
    """
    _require_frames(videos)
    exact = _exact(model)
    with torch.no_grad():
        return [
            exact(
                torch.as_tensor(np.asarray(video.features)[None]).to(_device(exact), torch.float64),
                torch.as_tensor(np.asarray(video.seconds)[None]),
            )[0]
            .cpu()
            .numpy()
            for video in videos
        ]


def delay_scores(scores: NDArray[np.float32], delay: int) -> NDArray[np.float32]:
    """Let what is said later judge a frame: row t of the result is row t + ``delay``.

    A causal head says at each frame what that frame shows. Waiting ``delay`` frames, and taking
    what is said then for the frame that was, makes up for a head that is late by as much, above
    all where actions begin; it is no use of future frames for a better label of this one, and
    costs where actions end sooner than the head is late. (Anticipation is the other way round:
    there row t judges a frame after t.) The last frames take the last row, as at the end of a
    stream, where nothing more is said.

    Args:
        scores: Scores of a video's frames, shape (T, K).
        delay: Number of frames, 0 or more.

    Returns:
        The delayed scores, shape (T, K).

    Raises:
        InputError: The delay is negative.

    Example:
        >>> delay_scores(np.array([[1.0], [2.0], [3.0]], np.float32), 1)[:, 0].tolist()
        [2.0, 3.0, 3.0]
    """
    if delay < 0:
        raise InputError(f"delay is {delay}: give 0 or more frames")
    return scores[np.minimum(np.arange(len(scores)) + delay, len(scores) - 1)]


def delay_by_seconds(
    scores: NDArray[np.float32], seconds: NDArray[np.float64], delay: float
) -> NDArray[np.float32]:
    """Let what is said a while later judge a frame, at any frame rate.

    Args:
        scores: Scores of a video's frames, shape (T, K).
        seconds: Times of the frames, not decreasing, shape (T,).
        delay: How much later, in seconds, 0 or more.

    Returns:
        For each frame the scores of the last frame at most ``delay`` after it, shape (T, K); see
        :func:`delay_scores`.

    Raises:
        InputError: The delay is negative.
    """
    if not delay >= 0:
        raise InputError(f"delay is {delay}: give 0 or more seconds")
    # A frame that stands at the limit but for the rounding of its time counts.
    last = np.searchsorted(seconds, seconds + delay + 1e-9, side="right") - 1
    return scores[last]


def delayed_scores(
    scores: Sequence[NDArray[np.float32]],
    videos: Sequence[EncodedVideo],
    *,
    delay: int = 0,
    delay_seconds: float | None = None,
) -> list[NDArray[np.float32]]:
    """Let what is said later judge the frames of videos.

    Args:
        scores: Scores of each video as they were said, shape (T, K).
        videos: The videos.
        delay: Frames by which scores may be late.
        delay_seconds: The same in seconds, instead.

    Returns:
        What judges each frame, shape (T, K).

    Raises:
        InputError: A delay is negative, or both are given.
    """
    if delay_seconds is None:
        return [delay_scores(said, delay) for said in scores]
    if delay:
        raise InputError(f"delay is {delay} frames and {delay_seconds} seconds: give one of them")
    return [
        delay_by_seconds(said, video.seconds, delay_seconds)
        for said, video in zip(scores, videos, strict=True)
    ]


def _exact(model: ActionModel) -> ActionModel:
    """Return a copy that computes in float64; the encoder, which has no part in it, is shared."""
    memo: dict[int, Any] = {id(model.encoder): model.encoder}
    twin = copy.deepcopy(model, memo)
    twin.head.double()
    return twin.eval()


def _device(model: ActionModel) -> torch.device:
    return model.head.empty_prediction.device


def _require_frames(videos: Sequence[EncodedVideo]) -> None:
    if not videos:
        raise InputError("there are no videos to score: give at least one")
    for video in videos:
        if not len(video):
            raise InputError(f"the video {video.name!r} has no frame: leave it out")
