# pyright: basic
"""A picture of a training: loss, scores and learning rate by epoch."""

from collections.abc import Sequence
from pathlib import Path

from vidcache.errors import MissingExtraError
from vidcache.training.learning.epochs import Epoch

__all__ = ["draw_curves"]


def draw_curves(epochs: Sequence[Epoch], path: Path) -> None:
    """Draw the epochs of a training.

    Args:
        epochs: What each of them brought; at least one.
        path: The picture's file, .png.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise MissingExtraError("matplotlib", "train", "draw the curves of a training") from error
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    places = [epoch.epoch for epoch in epochs]
    left, middle, right = figure.subplots(1, 3)
    left.plot(places, [epoch.loss for epoch in epochs], marker=".")
    left.set_title("training loss")
    middle.plot(places, [epoch.mean_average_precision for epoch in epochs], marker=".", label="mAP")
    middle.plot(places, [epoch.accuracy for epoch in epochs], marker=".", label="accuracy")
    best = [epoch for epoch in epochs if epoch.best][-1]
    middle.axvline(best.epoch, color="0.7", zorder=0)
    middle.set_title(f"validation (kept: epoch {best.epoch})")
    middle.set_ylim(0, 1)
    middle.legend(frameon=False)
    right.plot(places, [epoch.learning_rate for epoch in epochs], marker=".")
    right.set_title("learning rate")
    for axes in (left, middle, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
