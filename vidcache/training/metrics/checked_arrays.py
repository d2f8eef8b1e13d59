"""What every measure asks of its arrays, and how it says that they do not fit."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidcache.errors import InputError

__all__ = [
    "checked_background",
    "checked_frames",
    "checked_scores",
    "checked_table",
    "checked_targets",
]


def checked_frames(
    scores: ArrayLike, targets: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the scores and targets of one label as float64 and bool.

    Args:
        scores: One score a frame, shape (T,).
        targets: 1 where the label is shown, else 0, shape (T,).

    Returns:
        Both, shape (T,).

    Raises:
        InputError: They differ in shape, are empty, hold a NaN, or targets are not 0 and 1.
    """
    given, shown = _same_shape(scores, targets, ("frames",))
    return _numbers(given), _zeros_and_ones(shown, "targets")


def checked_table(
    scores: ArrayLike, targets: ArrayLike, ignore: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the scores and targets of all labels as float64 and bool, without ignored frames.

    Args:
        scores: A score for each frame and label, shape (T, K).
        targets: 1 for each label that a frame shows, else 0, shape (T, K).
        ignore: 1 for frames that do not count, shape (T,): they may hold anything.

    Returns:
        Both for the n frames that count, shape (n, K).

    Raises:
        InputError: They differ in shape, are empty, hold a NaN, targets are not 0 and 1, or no
            frame counts.
    """
    given, shown = _same_shape(scores, targets, ("frames", "labels"))
    if ignore is not None:
        counts = _counting(np.asarray(ignore), len(given))
        given, shown = given[counts], shown[counts]
    return _numbers(given), _zeros_and_ones(shown, "targets")


def checked_scores(scores: ArrayLike) -> NDArray[np.float64]:
    """Return the scores of a video's frames as float64.

    Args:
        scores: A score for each frame and label, shape (T, K).

    Returns:
        The same, shape (T, K).

    Raises:
        InputError: It has another shape, is empty, or holds a NaN.
    """
    given = np.asarray(scores)
    _require_table(given, "scores")
    return _numbers(given)


def checked_targets(targets: ArrayLike) -> NDArray[np.bool_]:
    """Return the targets of a video's frames as bool.

    Args:
        targets: 1 for each label that a frame shows, else 0, shape (T, K).

    Returns:
        The same, shape (T, K).

    Raises:
        InputError: It has another shape, is empty, or holds anything but 0 and 1.
    """
    given = np.asarray(targets)
    _require_table(given, "targets")
    return _zeros_and_ones(given, "targets")


def checked_background(background: int | None, num_labels: int) -> list[int]:
    """Return the numbers of the labels that are scored.

    Args:
        background: Number of the label that is not; None if all are.
        num_labels: The number of labels K.

    Returns:
        Numbers of the other labels, ascending.

    Raises:
        InputError: There is no such label, or it is the only one.
    """
    if background is not None and not 0 <= background < num_labels:
        raise InputError(
            f"background is {background}, but there are {num_labels} labels: "
            f"give 0 to {num_labels - 1}, or None to score all"
        )
    scored = [label for label in range(num_labels) if label != background]
    if not scored:
        raise InputError(
            f"the only label, {background}, is the background: give the scores of another label, "
            "or background=None"
        )
    return scored


def _same_shape(
    scores: ArrayLike, targets: ArrayLike, axes: tuple[str, ...]
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    given, shown = np.asarray(scores), np.asarray(targets)
    if given.shape != shown.shape or given.ndim != len(axes) or not given.size:
        wanted = "(frames,)" if len(axes) == 1 else f"({', '.join(axes)})"
        raise InputError(
            f"scores of shape {given.shape} and targets of shape {shown.shape}: give both as "
            f"{wanted}, with at least one frame"
        )
    return given, shown


def _require_table(values: NDArray[np.generic], name: str) -> None:
    if values.ndim != 2 or not values.size:
        raise InputError(
            f"{name} have the shape {values.shape}: give (frames, labels), with at least one frame"
        )


def _counting(ignore: NDArray[np.generic], num_frames: int) -> NDArray[np.bool_]:
    if ignore.shape != (num_frames,):
        raise InputError(
            f"ignore has the shape {ignore.shape} for {num_frames} frames: "
            f"give one value a frame, shape ({num_frames},)"
        )
    counts = ~_zeros_and_ones(ignore, "ignore")
    if not counts.any():
        raise InputError(f"all {num_frames} frames are ignored: leave at least one to judge")
    return counts


def _numbers(scores: NDArray[np.generic]) -> NDArray[np.float64]:
    if not np.issubdtype(scores.dtype, np.number) and scores.dtype != np.bool_:
        raise InputError(f"scores are of type {scores.dtype}: give numbers")
    # One type for all, so that unsigned scores can be negated and half floats keep their order.
    numbers = scores.astype(np.float64)
    unknown = int(np.isnan(numbers).sum())
    if unknown:
        raise InputError(
            f"{unknown} of {numbers.size} scores are NaN: every frame needs a score, "
            "so leave out the frames that have none"
        )
    return numbers


def _zeros_and_ones(values: NDArray[np.generic], name: str) -> NDArray[np.bool_]:
    if values.dtype == np.bool_:
        return values.astype(np.bool_)
    if not np.issubdtype(values.dtype, np.number):
        raise InputError(f"{name} are of type {values.dtype}: give 0 and 1")
    wrong = values[(values != 0) & (values != 1)]
    if wrong.size:
        raise InputError(f"{name} hold {wrong[0]}: give 1 where it is so and 0 elsewhere")
    return values == 1
