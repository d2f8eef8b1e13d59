"""What is drawn on an annotated frame: objects, actions with their scores, the last seconds."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError, MissingExtraError
from vidcache.frames import PREDICTED, ActionScore, Frame, FrameResult, LabelChange
from vidcache.video.sinks.palette import AMBER, DARK, WHITE, Color, Palette, ink_on
from vidcache.video.sinks.track_drawing import draw_track

__all__ = ["Overlay"]

_FAINT: Color = (196, 202, 210)
_TRACK: Color = (66, 70, 78)

Image = NDArray[np.uint8]


class Overlay:
    """Draws results on frames of any size and shape.

    Boxes carry their object's ID and label in a colour that stays with the ID, or, where objects
    are labelled one by one, what the object does; keypoints are joined to a thin skeleton. A panel
    shows the action and the best scores as bars; a strip along the bottom shows the actions of the
    last seconds. It remembers those seconds, so each video needs an overlay of its own.

    Args:
        labels: The model's labels, in order: each has its own colour. When they change, results
            tell.
        strip_seconds: How much of the past the strip shows.
        max_actions: How many scores the panel shows at most; small frames show fewer.

    Raises:
        MissingExtraError: OpenCV is not installed.

    Example:
        >>> from vidcache.frames import ActionScore
        >>> frame = Frame(np.zeros((240, 320, 3), np.uint8), 0, 0.0)
        >>> result = FrameResult(0, 0.0, "walk", (ActionScore("walk", 0.9),))
        >>> Overlay(["stand", "walk"]).draw(frame, result).shape
        (240, 320, 3)
    """

    def __init__(
        self, labels: Sequence[str] = (), *, strip_seconds: float = 10.0, max_actions: int = 5
    ) -> None:
        try:
            from vidcache.video.sinks import painting
        except ImportError as error:
            raise MissingExtraError("opencv-python", "run", "draw on frames") from error
        if strip_seconds <= 0:
            raise InputError(f"strip_seconds={strip_seconds}: expected more than 0")
        self._paint: Any = painting
        self._labels = tuple(labels)
        self._palette = Palette(labels)
        self._strip_seconds = strip_seconds
        self._max_actions = max_actions
        # Runs of one action: when each began, what it is.
        self._runs: deque[tuple[float, str]] = deque()
        self._now = 0.0

    def draw(self, frame: Frame, result: FrameResult) -> Image:
        """The frame with its result drawn on it, as a new picture.

        Args:
            frame: The frame. Frames are drawn in the order of their times.
            result: What was found in it.

        Returns:
            RGB picture of the frame's size, shape (height, width, 3), uint8.
        """
        for event in result.events:
            if isinstance(event, LabelChange):
                self._labels, self._palette = event.labels, Palette(event.labels)
        self._remember(frame.pts_seconds, result.action)
        image = np.array(frame.image_rgb, order="C")
        height, width = image.shape[:2]
        # Grows with the picture, but more slowly than it: small frames need legible text.
        size = max(11, round(0.0205 * (width * height) ** 0.5))
        for track in result.objects:
            draw_track(self._paint, image, track, size, self._palette)
        bottom = self._draw_strip(image, size)
        self._draw_panel(image, result, size, bottom)
        # Where the detector looks at every n-th frame, a chip for the others would flicker.
        flags = [flag for flag in (*frame.flags, *result.flags) if flag != PREDICTED]
        self._draw_corner(image, frame.pts_seconds, flags, size)
        return image

    def _remember(self, now: float, action: str) -> None:
        if now < self._now:
            self._runs.clear()
        self._now = now
        if not self._runs or self._runs[-1][1] != action:
            self._runs.append((now, action))
        oldest = now - self._strip_seconds
        while len(self._runs) > 1 and self._runs[1][0] <= oldest:
            self._runs.popleft()

    def _draw_strip(self, image: Image, size: int) -> int:
        """Draw the last seconds along the bottom; gives the upper edge of what it covers."""
        paint = self._paint
        height, width = image.shape[:2]
        margin, bar, radius = round(size * 0.6), round(size * 1.45), max(2, size // 4)
        left, span = margin, width - 2 * margin
        top = height - margin - bar
        paint.shade_rounded(image, left, top, span, bar, radius, 0.55)
        start = self._now - self._strip_seconds
        ends = [*(begin for begin, _ in self._runs), self._now][1:]
        text_size = max(9, round(size * 0.8))
        for (begin, label), end in zip(self._runs, ends, strict=True):
            first = left + round(max(0.0, (begin - start) / self._strip_seconds) * span)
            last = left + round((end - start) / self._strip_seconds * span)
            if last <= first:
                continue
            color = self._palette.color(label)
            # One pixel of the dark strip stays visible between two actions.
            paint.fill_rounded(image, first, top, max(1, last - first - 1), bar, radius, color)
            text = _spaced(label)
            text_width = paint.text_width(text, text_size, 600)
            if text_width + size // 2 <= last - first:
                ink = ink_on(color)
                x = first + (last - first - text_width) // 2
                y = top + (bar - round(1.3 * text_size)) // 2
                paint.draw_text(image, text, x, y, text_size, ink, 600)
        return top

    def _draw_panel(self, image: Image, result: FrameResult, size: int, bottom: int) -> None:
        """Draw the action, large, and under it the best scores as bars."""
        paint = self._paint
        width = image.shape[1]
        margin, pad = round(size * 0.6), round(size * 0.65)
        title, row = round(size * 1.5), round(size * 1.3)
        room = round(bottom * 0.42) - margin - 2 * pad - round(1.35 * title)
        shown = result.actions[: max(1, min(self._max_actions, room // row))]
        mark, gap = max(4, round(size * 0.32)), max(5, round(size * 0.45))
        name = _spaced(result.action)
        scores = min(self._name_width(size) + round(size * 10), max(round(size * 13), width // 2))
        headline = 2 * pad + mark + gap + paint.text_width(name, title, 700)
        panel = min(width - 2 * margin, max(scores, headline))
        height = 2 * pad + round(1.35 * title) + row * len(shown)
        paint.shade_rounded(image, margin, margin, panel, height, size // 2, 0.66)
        x, y = margin + pad, margin + pad
        color = self._palette.color(result.action)
        line = round(1.3 * title)
        paint.fill_rounded(image, x, y + line // 6, mark, line - line // 3, mark // 2, color)
        paint.draw_text(image, name, x + mark + gap, y, title, WHITE, 700)
        y += round(1.35 * title)
        for action in shown:
            best = action.label == result.action
            self._draw_score(image, (x, y, panel - 2 * pad), action, size, best)
            y += row

    def _draw_score(
        self, image: Image, place: tuple[int, int, int], action: ActionScore, size: int, best: bool
    ) -> None:
        """Draw one line of the panel: name, bar, number."""
        paint = self._paint
        left, top, width = place
        text_size = max(10, round(size * 0.88))
        ink, weight = (WHITE, 600) if best else (_FAINT, 450)
        line, space = round(1.3 * text_size), max(4, round(size * 0.4))
        name = min(self._name_width(size), round(0.6 * width))
        number = paint.text_width("0.00", text_size, 600)
        text = self._shorten(_spaced(action.label), text_size, weight, name)
        paint.draw_text(image, text, left, top, text_size, ink, weight)
        score = min(max(float(action.score), 0.0), 1.0)
        bar_left, bar_width = left + name + space, width - name - number - 2 * space
        bar = max(4, round(size * 0.42))
        middle = top + line // 2
        paint.draw_bar(image, bar_left, middle, bar_width, bar, _TRACK)
        filled = round(bar_width * score)
        if filled:
            color = self._palette.color(action.label)
            paint.draw_bar(image, bar_left, middle, filled, bar, color)
        paint.draw_text(image, f"{score:.2f}", left + width - number, top, text_size, ink, weight)

    def _name_width(self, size: int) -> int:
        """Width of the panel's first column: that of the longest label, within reason."""
        text_size = max(10, round(size * 0.88))
        names = [_spaced(label) for label in self._labels] or ["a label"]
        longest = max(self._paint.text_width(name, text_size, 600) for name in names)
        return min(longest, round(size * 9))

    def _shorten(self, text: str, size: int, weight: int, width: int) -> str:
        if self._paint.text_width(text, size, weight) <= width:
            return text
        while len(text) > 1 and self._paint.text_width(text + "…", size, weight) > width:
            text = text[:-1]
        return text + "…"

    def _draw_corner(self, image: Image, seconds: float, flags: Sequence[str], size: int) -> None:
        """Draw the time in the upper right corner, and under it one amber chip a flag."""
        paint = self._paint
        top = round(size * 0.6)
        text_size, pad = max(10, round(size * 0.85)), max(4, round(size * 0.4))
        line = round(1.3 * text_size)
        right = image.shape[1] - round(size * 0.6)
        clock = _clock(seconds)
        width = paint.text_width(clock, text_size, 500) + 2 * pad
        paint.shade_rounded(image, right - width, top, width, line + 2, size // 4, 0.6)
        paint.draw_text(image, clock, right - width + pad, top + 1, text_size, WHITE, 500)
        top += line + 2 + size // 4
        for flag in dict.fromkeys(flags):
            text = _spaced(flag)
            width = paint.text_width(text, text_size, 600) + 2 * pad
            paint.fill_rounded(image, right - width, top, width, line + 2, size // 4, AMBER)
            paint.draw_text(image, text, right - width + pad, top + 1, text_size, DARK, 600)
            top += line + 2 + size // 4


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(seconds, 0.0), 60)
    hours, minutes = divmod(int(minutes), 60)
    # Cut, not rounded: 59.96 s is not yet a minute.
    tenths = int(rest * 10) / 10
    return f"{hours}:{minutes:02}:{tenths:04.1f}" if hours else f"{minutes:02}:{tenths:04.1f}"
