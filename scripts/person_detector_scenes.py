"""Training scenes for the person models: crops, mosaics, pasted people, bad pictures.

A scene is drawn from a seed: pictures are chosen by kind, brought to a scale at which one of
their people has a height drawn from a wide range, cropped, joined, and made worse the way that
cameras make pictures worse (`person_detector_quality`). Cut-out people may be pasted before any
background. Keypoints, where they are known, go along.
"""

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from person_detector_figures import Figures, figures_of, join, mark_outside
from person_detector_pictures import Picture, read_pictures
from person_detector_quality import recolour, worsen
from torch.utils.data import Dataset

# How often a tile of a scene comes from each kind of picture.
_SHARES = {"still_camera": 0.25, "real": 0.31, "render": 0.24, "background": 0.2}
_SMALLEST_HEIGHT, _LARGEST_PART = 36, 1.15
_PASTED = 0.6


class Scenes(Dataset):
    """Endless training scenes.

    Args:
        folder: The folder that `person_detector_pictures` wrote.
        size: Width and height of a scene in pixels.
        first: Number of the first scene, which is its seed.
        count: How many scenes there are.
    """

    def __init__(self, folder: Path, size: int, first: int, count: int) -> None:
        self._folder, self._size, self._first, self._count = folder, size, first, count
        self._by_kind: dict[str, dict[str, list[tuple[Picture, NDArray[np.uint8]]]]] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """One scene.

        Returns:
            Pixels (3, size, size) uint8; boxes (people, 4), centre and size, 0–1; keypoints
            (people, 17, 3), 0–1 and what is known of each.
        """
        if not self._by_kind:
            cv2.setNumThreads(1)
            by_kind = defaultdict(lambda: defaultdict(list))
            for picture, pixels in read_pictures(self._folder):
                by_kind[picture.kind][picture.source].append((picture, pixels))
            self._by_kind = {kind: dict(sources) for kind, sources in by_kind.items()}
        rng = np.random.default_rng(self._first + index)
        image, figures = self._compose(rng)
        if "cutout" in self._by_kind and rng.random() < _PASTED:
            figures = self._paste(image, figures, rng)
        if rng.random() < 0.5:
            image, figures = image[:, ::-1], figures.mirrored(self._size)
        image = worsen(image, rng)
        boxes = figures.boxes
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        normal = np.concatenate([centre, boxes[:, 2:] - boxes[:, :2]], axis=1) / self._size
        keypoints = figures.keypoints / np.float32([self._size, self._size, 1])
        pixels = np.ascontiguousarray(image.transpose(2, 0, 1))
        return (
            torch.from_numpy(pixels),
            torch.from_numpy(normal.astype(np.float32)),
            torch.from_numpy(keypoints.astype(np.float32)),
        )

    def _pick(self, kind: str, rng: np.random.Generator) -> tuple[Picture, NDArray[np.uint8]]:
        sources = self._by_kind[kind]
        if kind in {"render", "still_camera"}:
            every = [pair for pairs in sources.values() for pair in pairs]
            self._by_kind[kind] = {"": every}
            return every[int(rng.integers(len(every)))]
        # Videos have many frames and photographs one: each source counts as their root.
        names = list(sources)
        weights = np.array([len(sources[name]) ** 0.5 for name in names])
        pairs = sources[names[int(rng.choice(len(names), p=weights / weights.sum()))]]
        return pairs[int(rng.integers(len(pairs)))]

    def _compose(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Figures]:
        size = self._size
        image = np.empty((size, size, 3), np.uint8)
        if rng.random() < 0.5:
            cells = [(0, 0, size, size)]
        else:
            x, y = (int(value) for value in rng.uniform(0.3, 0.7, 2) * size)
            cells = [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]
        parts = []
        kinds = [kind for kind in _SHARES if kind in self._by_kind]
        shares = np.array([_SHARES[kind] for kind in kinds])
        for left, top, right, bottom in cells:
            picture, pixels = self._pick(str(rng.choice(kinds, p=shares / shares.sum())), rng)
            tile, inside = _crop(picture, pixels, (right - left, bottom - top), rng)
            image[top:bottom, left:right] = tile
            parts.append(inside.shifted(left, top))
        return image, join(parts)

    def _paste(
        self, image: NDArray[np.uint8], figures: Figures, rng: np.random.Generator
    ) -> Figures:
        size = self._size
        for _ in range(int(rng.integers(1, 5))):
            person, own = _turned_cutout(*self._pick("cutout", rng), size, rng)
            tall, wide = person.shape[:2]
            left = int(rng.integers(-wide // 4, max(size - 3 * wide // 4, 1)))
            top = int(rng.integers(-tall // 6, max(size - 3 * tall // 4, 1)))
            x1, y1 = max(left, 0), max(top, 0)
            x2, y2 = min(left + wide, size), min(top + tall, size)
            part = person[y1 - top : y2 - top, x1 - left : x2 - left]
            colour = recolour(np.ascontiguousarray(part[..., :3]), rng)
            alpha = part[..., 3:].astype(np.float32) / 255
            region = image[y1:y2, x1:x2]
            region[:] = np.clip(region * (1 - alpha) + colour * alpha, 0, 255)
            box = np.float32([x1, y1, x2, y2])
            keypoints = mark_outside(own.shifted(left, top).keypoints, (size, size))
            behind = figures.kept(_hidden(figures.boxes, box) < 0.65).behind(*box.tolist())
            figures = join([behind, Figures(box[None], keypoints)])
        return figures


def _hidden(boxes: NDArray[np.float32], front: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = np.maximum(boxes[:, :2], front[:2]), np.minimum(boxes[:, 2:], front[2:])
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1), axis=1)
    return np.prod(np.maximum(high - low, 0), axis=1) / area


def _turned_cutout(
    picture: Picture, pixels: NDArray[np.uint8], size: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Figures]:
    """A cut-out person at a random height, now and then lying, with its keypoints."""
    tall, wide = pixels.shape[:2]
    target = float(np.exp(rng.uniform(np.log(36), np.log(0.85 * size))))
    scale = min(target, 2.2 * tall) / tall
    if scale < 0.6:  # a plain warp would alias
        factor = max(1, round(1 / scale))
        pixels = cv2.blur(pixels, (factor, factor))
    angle = np.deg2rad(rng.uniform(-95, 95) if rng.random() < 0.08 else rng.normal(0, 5))
    cos, sin = np.cos(angle), np.sin(angle)
    stretch = scale * np.array([rng.uniform(0.88, 1.14), 1.0])
    matrix = np.array([[cos, -sin], [sin, cos]]) * stretch[None, :]
    corners = np.array([[0, 0], [wide, 0], [0, tall], [wide, tall]]) @ matrix.T
    low = corners.min(axis=0)
    box_size = tuple(np.ceil(corners.max(axis=0) - low).astype(int).clip(1).tolist())
    person = cv2.warpAffine(pixels, np.column_stack([matrix, -low]), box_size)
    figure = figures_of([[0, 0, wide, tall]], picture.keypoints)
    keypoints = figure.turned(matrix, -low)
    rows, columns = np.where(person[..., 3] > 100)
    if not len(rows):
        return person, Figures(np.float32([[0, 0, *box_size]]), keypoints)
    x, y = int(columns.min()), int(rows.min())
    person = person[y : rows.max() + 1, x : columns.max() + 1]
    box = np.float32([[0, 0, person.shape[1], person.shape[0]]])
    return person, Figures(box, keypoints - np.float32([x, y, 0]))


def _crop(
    picture: Picture, pixels: NDArray[np.uint8], size: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Figures]:
    """A part of a picture at a random scale, turned a little, and the people seen in it."""
    wide, tall = size
    height, width = pixels.shape[:2]
    figures = figures_of(picture.boxes, picture.keypoints)
    fits = max(wide / width, tall / height)
    if len(figures) and rng.random() < 0.85:
        box = figures.boxes[int(rng.integers(len(figures)))]
        target = np.exp(rng.uniform(np.log(_SMALLEST_HEIGHT), np.log(_LARGEST_PART * max(size))))
        scale = float(np.clip(target / max(box[3] - box[1], 1), 0.75 * fits, 3.0))
        spread = rng.uniform(-0.45, 0.45, 2) * (wide / scale, tall / scale)
        middle = (box[:2] + box[2:]) / 2 + spread
    else:
        scale = fits * float(np.exp(rng.uniform(np.log(0.9), np.log(3.0))))
        middle = rng.uniform(0, 1, 2) * (width, height)
    half = np.array([wide, tall]) / (2 * scale)
    limits = np.array([width, height])
    low, high = np.minimum(half, limits / 2), np.maximum(limits - half, limits / 2)
    middle = np.clip(middle, low, high)
    angle = np.deg2rad(rng.normal(0, 4.0))
    stretch = scale * np.array([rng.uniform(0.88, 1.14), 1.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn * stretch[None, :]
    shift = np.array([wide, tall]) / 2 - matrix @ middle
    if scale < 0.6:  # a plain warp would alias
        factor = max(1, round(1 / scale))
        pixels = cv2.blur(pixels, (factor, factor))
    tile = cv2.warpAffine(
        pixels, np.column_stack([matrix, shift]), (wide, tall), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(114, 114, 114),
    )  # fmt: skip
    return tile, figures.moved(matrix, shift, size)


def collate(samples: list) -> dict[str, torch.Tensor]:
    """A batch in the form that Ultralytics' losses take, with uint8 pixels."""
    owners = [torch.full((len(boxes),), float(i)) for i, (_, boxes, _) in enumerate(samples)]
    boxes = torch.cat([boxes for _, boxes, _ in samples])
    return {
        "img": torch.stack([pixels for pixels, _, _ in samples]),
        "batch_idx": torch.cat(owners),
        "cls": torch.zeros(len(boxes), 1),
        "bboxes": boxes,
        "keypoints": torch.cat([keypoints for _, _, keypoints in samples]),
    }
