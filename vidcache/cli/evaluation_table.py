"""What ``vidcache eval`` prints of an evaluation."""

from collections.abc import Iterable

from vidcache.cli.table import print_table, show_share
from vidcache.training.evaluation.result import OVERLAPS, Evaluation

__all__ = ["print_evaluation"]

_COLUMNS = ("label", "frames", "AP", "calibrated", "precision", "recall")


def print_evaluation(evaluation: Evaluation) -> None:
    """Prints a row for each label, and below what is said of all.

    Args:
        evaluation: The evaluation.
    """
    print_table(_COLUMNS, _rows(evaluation))
    print()
    print("\n".join(_summary(evaluation)))


def _rows(evaluation: Evaluation) -> Iterable[tuple[str, ...]]:
    for label in evaluation.labels:
        values = (
            label.average_precision,
            label.calibrated_average_precision,
            label.precision,
            label.recall,
        )
        yield label.label, f"{label.num_frames:,}", *map(show_share, values)


def _summary(evaluation: Evaluation) -> Iterable[str]:
    ignored = f" ({evaluation.num_ignored:,} ignored)" if evaluation.num_ignored else ""
    yield f"{evaluation.num_frames:,} frames{ignored} of {evaluation.num_videos} videos, streamed"
    if evaluation.delay:
        yield f"delay                      {evaluation.delay:g} {evaluation.delay_unit}"
    yield f"mean average precision     {show_share(evaluation.mean_average_precision)}"
    yield f"calibrated                 {show_share(evaluation.mean_calibrated_average_precision)}"
    yield f"accuracy of frames         {show_share(evaluation.accuracy)}"
    unsure = f"{evaluation.unsure:.1%} of frames below the threshold {evaluation.threshold:g}"
    yield f"unsure                     {unsure}"
    yield f"calibration error          {show_share(evaluation.calibration_error)}"
    yield f"edit score                 {show_share(evaluation.edit)}"
    overlaps = ", ".join(f"{100 * overlap:.0f}" for overlap in OVERLAPS)
    scores = ", ".join(map(show_share, evaluation.f1))
    yield f"segmental F1@{overlaps:<13} {scores}"
    starts = evaluation.starts
    if not starts.num_starts:
        return
    yield (
        f"start detection            mean AP {show_share(starts.mean_average_precision)} over "
        f"{starts.offsets[0]:g}-{starts.offsets[-1]:g} s, "
        f"{show_share(starts.average_precisions[0])} within {starts.offsets[0]:g} s"
    )
    late = "-" if starts.mean_latency != starts.mean_latency else f"{starts.mean_latency:+.2f} s"
    yield (
        f"                           {starts.recall:.0%} of {starts.num_starts} starts found, "
        f"{late} late on average; {starts.num_detected} reported"
    )
