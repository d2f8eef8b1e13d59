"""A synthetic stream: labelled video of acting figures, the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError
from vidcache.training.synthetic.actions import ACTIONS, LABELS
from vidcache.training.synthetic.appearance import Appearance, make_appearance
from vidcache.training.synthetic.backgrounds import make_background
from vidcache.training.synthetic.camera import View, make_camera
from vidcache.training.synthetic.figure_drawing import draw_figure
from vidcache.training.synthetic.obstacles import draw_obstacle, make_movers, make_occluders
from vidcache.training.synthetic.performance import Performance, make_performance
from vidcache.training.synthetic.picture_quality import make_picture_quality
from vidcache.training.synthetic.splits import Split, SplitName, split_of
from vidcache.video.drawing import draw_ellipse, shift_picture

__all__ = ["FigureView", "SyntheticFrame", "SyntheticStream"]

_Floats = NDArray[np.float64]
_Picture = NDArray[np.uint8]

VISIBLE = 0.25
"""The part of a figure that must be seen for its action to count as shown."""

_MARGIN = 0.15
_RATE = 30.0


@dataclass(frozen=True, eq=False)
class FigureView:
    """One figure in one picture.

    Attributes:
        id: Number of the figure within its stream, from 1.
        label: What it is doing.
        box_xyxy: Left, top, right, bottom in pixels, within the picture.
        visibility: Part of the figure that is seen, 0 to 1: neither outside nor hidden.
        keypoints_xy: Its keypoints in pixels, shape (18, 2), in the order of `KEYPOINTS`; they
            may lie outside the picture or behind something.
    """

    id: int
    label: str
    box_xyxy: tuple[float, float, float, float]
    visibility: float
    keypoints_xy: _Floats


@dataclass(frozen=True, eq=False)
class SyntheticFrame:
    """One picture of a stream with everything that is known about it.

    Attributes:
        image_rgb: The picture, shape (height, width, 3).
        index: Number of the frame.
        seconds: Its time.
        figures: The figures of which anything is seen, nearest last.
        target: 1 for each label that is shown, shape (len(LABELS),); the first alone where
            nobody is.
    """

    image_rgb: _Picture
    index: int
    seconds: float
    figures: tuple[FigureView, ...]
    target: NDArray[np.float32]


class SyntheticStream:
    """A labelled video, drawn frame by frame on demand.

    Args:
        seed: The same seed gives the same stream, frame by frame in any order.
        split: Where cameras, bodies, clothes, backgrounds and tempo come from:
            a split by name, or ranges of one's own.
        size: Width and height of the pictures in pixels.
        frame_rate: Frames a second.
        num_frames: Length of the stream.
        num_figures: How many figures act; drawn at random (0 to 3, mostly 1) if None.
        scripts: What each figure does, label after label, then at random; None for random
            actions. Figures beyond the end of it act at random.

    Raises:
        InputError: If a script names an action that does not exist.
        MissingExtraError: If the package ``pybullet`` is not installed.

    Example:
        >>> stream = SyntheticStream(seed=1, size=(160, 120), num_frames=2)
        >>> [frame.image_rgb.shape for frame in stream]
        [(120, 160, 3), (120, 160, 3)]
    """

    def __init__(
        self,
        seed: int,
        split: SplitName | Split = "train",
        *,
        size: tuple[int, int] = (320, 180),
        frame_rate: float = 10.0,
        num_frames: int = 32,
        num_figures: int | None = None,
        scripts: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        for label in (label for script in scripts for label in script):
            if label not in ACTIONS:
                known = ", ".join(ACTIONS)
                raise InputError(f"unknown action {label!r} in a script; give some of {known}")
        self.size, self.frame_rate, self.num_frames = size, frame_rate, num_frames
        ranges = split_of(split)
        self._entropy = (ranges.number, seed)
        rng = np.random.default_rng(self._entropy)
        if num_figures is None:
            num_figures = int(rng.choice(4, p=[0.06, 0.68, 0.19, 0.07]))
        self._compose(rng, ranges, num_figures, scripts)
        self._quality = make_picture_quality(rng)
        self._light = _light(rng)
        self._shadow = rng.uniform(0.0, 0.55)
        self._movers = make_movers(rng, ranges, size, num_frames / frame_rate)
        self._occluders = make_occluders(rng, ranges, size)
        view = self._camera.view(0.0, size)
        margin = (int(size[0] * _MARGIN), int(size[1] * _MARGIN))
        canvas = (size[0] + 2 * margin[0], size[1] + 2 * margin[1])
        self._margin = margin
        self._background = make_background(rng, ranges, canvas, view.horizon + margin[1])

    def __len__(self) -> int:
        return self.num_frames

    def __iter__(self) -> Iterator[SyntheticFrame]:
        return (self.frame(index) for index in range(self.num_frames))

    def frame(self, index: int) -> SyntheticFrame:
        """Draw one frame.

        Args:
            index: Number of the frame, 0 to ``len(stream) - 1``.

        Returns:
            The picture with its figures and labels.

        Raises:
            InputError: If the stream has no such frame.
        """
        if not 0 <= index < self.num_frames:
            raise InputError(f"frame {index} of a stream of {self.num_frames} frames; count from 0")
        seconds = index / self.frame_rate
        view = self._camera.view(seconds, self.size)
        offset = (self._margin[0] + view.pan[0], self._margin[1] + view.pan[1])
        image = shift_picture(self._background, offset, self.size)
        owners = np.zeros(image.shape[:2], dtype=np.uint8)
        for mover in self._movers:
            draw_obstacle(image, owners, mover, seconds)
        figures = self._draw_figures(image, owners, view, seconds)
        noise = np.random.default_rng((*self._entropy, index + 1))
        target = np.zeros(len(LABELS), dtype=np.float32)
        for figure in figures:
            if figure.visibility >= VISIBLE:
                target[LABELS.index(figure.label)] = 1.0
        if not target.any():
            target[0] = 1.0
        picture = self._quality.apply(image, noise)
        return SyntheticFrame(picture, index, seconds, figures, target)

    def _compose(
        self,
        rng: np.random.Generator,
        split: Split,
        num_figures: int,
        scripts: tuple[tuple[str, ...], ...],
    ) -> None:
        """Place the actors, then the camera before the first of them."""
        seconds = self.num_frames / self.frame_rate + 0.2
        looks: list[Appearance] = []
        performances: list[Performance] = []
        for number in range(max(1, num_figures)):
            look = make_appearance(rng, split)
            script = scripts[number] if number < len(scripts) else None
            start = None
            if script is None and rng.random() < 0.12:
                angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(2.0, 5.0)
                start = (far * np.cos(angle), far * np.sin(angle))
            performances.append(
                make_performance(
                    rng, seconds, look.proportions, split.tempo, script=script, start=start
                )
            )
            looks.append(look)
        pelvis = performances[0].points[:, 0]
        stature = looks[0].proportions.stature
        self._camera = make_camera(rng, split, pelvis, _RATE, stature)
        right = self._camera.view(0.0, self.size).axes[0] * np.array([1.0, 0.0, 1.0])
        away = np.array([right[2], 0.0, -right[0]])
        apart = rng.uniform(0.8, 2.4, num_figures) * rng.choice([-1.0, 1.0])
        deeper = rng.uniform(-0.6, 2.0, num_figures)
        # A camera with nobody before it was still placed as if there were.
        self._looks, self._performances = looks[:num_figures], performances[:num_figures]
        self._places = [
            right * apart[number] * (-1.0) ** number + away * deeper[number]
            if number
            else 0 * right
            for number in range(num_figures)
        ]

    def _draw_figures(
        self, image: _Picture, owners: _Picture, view: View, seconds: float
    ) -> tuple[FigureView, ...]:
        posed = [performance.at(seconds) for performance in self._performances]
        points = [pose + place for (pose, _), place in zip(posed, self._places, strict=True)]
        depths = [float(view.project(body[0])[1]) for body in points]
        boxes: dict[int, tuple[float, float, float, float]] = {}
        drawn: dict[int, int] = {}
        alone = np.zeros_like(owners)
        for number in sorted(range(len(points)), key=lambda n: -depths[n]):
            self._draw_shadow(image, view, points[number])
            alone[:] = 0
            box = draw_figure(
                image, alone, 1, points[number], self._looks[number], view, self._light
            )
            if box is not None:
                boxes[number] = box
                drawn[number] = int(alone.sum())
                owners[alone > 0] = number + 1
        for occluder in self._occluders:
            draw_obstacle(image, owners, occluder, 0.0)
        seen = np.bincount(owners.ravel(), minlength=len(points) + 1)
        return tuple(
            FigureView(
                number + 1,
                LABELS[posed[number][1]],
                self._clipped(box),
                self._inside(box) * int(seen[number + 1]) / max(1, drawn[number]),
                view.project(points[number])[0],
            )
            for number, box in boxes.items()
            if seen[number + 1] > 0
        )

    def _clipped(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        width, height = self.size
        left, top, right, bottom = box
        return (max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))

    def _inside(self, box: tuple[float, float, float, float]) -> float:
        left, top, right, bottom = self._clipped(box)
        whole = max((box[2] - box[0]) * (box[3] - box[1]), 1e-6)
        return max(0.0, right - left) * max(0.0, bottom - top) / whole

    def _draw_shadow(self, image: _Picture, view: View, points: _Floats) -> None:
        ground = points.mean(0) * np.array([1.0, 0.0, 1.0])
        spread = 0.25 + 0.5 * float(np.ptp(points[:, [0, 2]], axis=0).max())
        place, depth = view.project(ground)
        if depth < 0.3:
            return
        wide = spread * view.focal / float(depth)
        flat = wide * float(abs(view.axes[2, 1])) + 1.0
        reach = np.array([wide + 2, flat + 2])
        left, top = np.floor(place - reach).astype(int)
        right, bottom = np.ceil(place + reach).astype(int)
        left, top = max(0, left), max(0, top)
        patch = image[top : max(bottom, 0), left : max(right, 0)]
        if patch.size:
            mask = np.zeros(patch.shape[:2], dtype=np.uint8)
            draw_ellipse(mask, place - (left, top), (wide, flat), 0.0, 255)
            factor = 1 - self._shadow * mask[..., None].astype(np.float32) / 255
            patch[:] = (patch * factor).astype(np.uint8)


def _light(rng: np.random.Generator) -> _Floats:
    light = np.array([rng.normal(), abs(rng.normal()) + 0.5, rng.normal()])
    return light / np.linalg.norm(light)
