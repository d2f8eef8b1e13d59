"""Training scenes for the person detector: crops, mosaics, pasted people, bad pictures.

A scene is drawn from a seed: pictures are chosen by kind, brought to a scale at which one of
their people has a height drawn from a wide range, cropped, joined, and made worse the way that
cameras make pictures worse. Cut-out people may be pasted before any background.
"""

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from person_detector_pictures import Picture, read_pictures
from torch.utils.data import Dataset

# How often a tile of a scene comes from each kind of picture.
_SHARES = {"still_camera": 0.34, "real": 0.26, "render": 0.22, "background": 0.18}
_SMALLEST_HEIGHT, _LARGEST_PART = 18, 1.15
_VISIBLE = 0.35


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

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One scene: pixels (3, size, size) uint8 and boxes (people, 4), centre and size, 0–1."""
        if not self._by_kind:
            cv2.setNumThreads(1)
            by_kind = defaultdict(lambda: defaultdict(list))
            for picture, pixels in read_pictures(self._folder):
                by_kind[picture.kind][picture.source].append((picture, pixels))
            self._by_kind = {kind: dict(sources) for kind, sources in by_kind.items()}
        rng = np.random.default_rng(self._first + index)
        image, boxes = self._compose(rng)
        if "cutout" in self._by_kind and rng.random() < 0.45:
            boxes = self._paste(image, boxes, rng)
        if rng.random() < 0.5:
            image, boxes = _mirrored(image, boxes)
        image = _worsen(image, rng)
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        normal = np.concatenate([centre, boxes[:, 2:] - boxes[:, :2]], axis=1) / self._size
        pixels = np.ascontiguousarray(image.transpose(2, 0, 1))
        return torch.from_numpy(pixels), torch.from_numpy(normal.astype(np.float32))

    def _pick(self, kind: str, rng: np.random.Generator) -> tuple[Picture, NDArray[np.uint8]]:
        sources = self._by_kind[kind]
        if kind in {"render", "cutout", "still_camera"}:
            every = [pair for pairs in sources.values() for pair in pairs]
            self._by_kind[kind] = {"": every}
            return every[int(rng.integers(len(every)))]
        # Videos have many frames and photographs one: each source counts as their root.
        names = list(sources)
        weights = np.array([len(sources[name]) ** 0.5 for name in names])
        pairs = sources[names[int(rng.choice(len(names), p=weights / weights.sum()))]]
        return pairs[int(rng.integers(len(pairs)))]

    def _compose(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        size = self._size
        image = np.empty((size, size, 3), np.uint8)
        if rng.random() < 0.5:
            cells = [(0, 0, size, size)]
        else:
            x, y = (int(value) for value in rng.uniform(0.3, 0.7, 2) * size)
            cells = [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)]
        boxes = []
        kinds = [kind for kind in _SHARES if kind in self._by_kind]
        shares = np.array([_SHARES[kind] for kind in kinds])
        for left, top, right, bottom in cells:
            picture, pixels = self._pick(str(rng.choice(kinds, p=shares / shares.sum())), rng)
            tile, inside = _crop(picture, pixels, (right - left, bottom - top), rng)
            image[top:bottom, left:right] = tile
            boxes.append(inside + np.float32([left, top, left, top]))
        return image, np.concatenate(boxes)

    def _paste(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        size = self._size
        for _ in range(int(rng.integers(1, 5))):
            cutout = self._pick("cutout", rng)[1]
            height = float(np.exp(rng.uniform(np.log(24), np.log(0.55 * size))))
            height = min(height, 2.2 * cutout.shape[0])
            scale = height / cutout.shape[0]
            stretch = rng.uniform(0.9, 1.12)
            way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            person = cv2.resize(cutout, None, fx=scale * stretch, fy=scale, interpolation=way)
            if rng.random() < 0.5:
                person = person[:, ::-1]
            tall, wide = person.shape[:2]
            left = int(rng.integers(-wide // 4, max(size - 3 * wide // 4, 1)))
            top = int(rng.integers(-tall // 6, max(size - 3 * tall // 4, 1)))
            x1, y1, x2, y2 = (
                max(left, 0),
                max(top, 0),
                min(left + wide, size),
                min(top + tall, size),
            )
            part = person[y1 - top : y2 - top, x1 - left : x2 - left]
            colour = (
                part[..., :3].astype(np.float32) * rng.uniform(0.7, 1.3, 3) * rng.uniform(0.7, 1.3)
            )
            alpha = part[..., 3:].astype(np.float32) / 255
            region = image[y1:y2, x1:x2]
            region[:] = np.clip(region * (1 - alpha) + colour * alpha, 0, 255)
            box = np.float32([x1, y1, x2, y2])
            boxes = np.concatenate([boxes[_hidden(boxes, box) < 0.65], box[None]])
        return boxes


def _hidden(boxes: NDArray[np.float32], front: NDArray[np.float32]) -> NDArray[np.float32]:
    top_left, bottom_right = (
        np.maximum(boxes[:, :2], front[:2]),
        np.minimum(boxes[:, 2:], front[2:]),
    )
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1), axis=1)
    return np.prod(np.maximum(bottom_right - top_left, 0), axis=1) / area


def _crop(
    picture: Picture, pixels: NDArray[np.uint8], size: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A part of a picture at a random scale, turned a little, and the people seen in it."""
    wide, tall = size
    height, width = pixels.shape[:2]
    boxes = np.array(picture.boxes, np.float32).reshape(-1, 4)
    fits = max(wide / width, tall / height)
    if len(boxes) and rng.random() < 0.85:
        box = boxes[int(rng.integers(len(boxes)))]
        target = np.exp(rng.uniform(np.log(_SMALLEST_HEIGHT), np.log(_LARGEST_PART * max(size))))
        scale = float(np.clip(target / max(box[3] - box[1], 1), 0.75 * fits, 3.0))
        middle = (box[:2] + box[2:]) / 2 + rng.uniform(-0.45, 0.45, 2) * (
            wide / scale,
            tall / scale,
        )
    else:
        scale = fits * float(np.exp(rng.uniform(np.log(0.9), np.log(3.0))))
        middle = rng.uniform(0, 1, 2) * (width, height)
    half = np.array([wide, tall]) / (2 * scale)
    limits = np.array([width, height])
    low, high = np.minimum(half, limits / 2), np.maximum(limits - half, limits / 2)
    middle = np.clip(middle, low, high)
    angle = np.deg2rad(rng.normal(0, 3.0))
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
    return tile, _moved(boxes, matrix, shift, size)


def _moved(
    boxes: NDArray[np.float32], matrix: NDArray, shift: NDArray, size: tuple[int, int]
) -> NDArray[np.float32]:
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    centre = centre @ matrix.T + shift
    # A turn of a few degrees widens a person's box by less than the full corners would.
    half = half * np.abs(np.diag(matrix)) + half[:, ::-1] * np.abs([matrix[0, 1], matrix[1, 0]]) / 3
    whole = np.concatenate([centre - half, centre + half], axis=1)
    seen = np.clip(whole, 0, np.array([*size, *size]))
    sides = seen[:, 2:] - seen[:, :2]
    part = np.prod(sides, axis=1) / np.maximum(np.prod(whole[:, 2:] - whole[:, :2], axis=1), 1)
    return seen[(part > _VISIBLE) & (sides.min(axis=1) > 4)].astype(np.float32)


def _mirrored(
    image: NDArray[np.uint8], boxes: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    width = image.shape[1]
    boxes = boxes.copy()
    boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    return image[:, ::-1], boxes


def _worsen(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Changes of light and colour, blur, noise and compression."""
    if rng.random() < 0.8:
        gains = rng.uniform(0.85, 1.15, 3) * np.exp(rng.normal(0, 0.22))
        table = np.clip(
            255 * (np.arange(256)[:, None] / 255 * gains) ** np.exp(rng.normal(0, 0.2)), 0, 255
        ).astype(np.uint8)
        image = cv2.LUT(np.ascontiguousarray(image), table[None])
    if rng.random() < 0.5:
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)[..., None]
        part = 0.0 if rng.random() < 0.2 else rng.uniform(0.2, 1.5)
        image = np.clip(grey + part * (image.astype(np.float32) - grey), 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        size = int(rng.choice([3, 5]))
        image = cv2.blur(np.ascontiguousarray(image), (size, int(rng.choice([1, 3, size]))))
    if rng.random() < 0.2:
        noise = rng.integers(-1, 2, image.shape, np.int8) * rng.integers(3, 18)
        image = np.clip(image.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 80))]
        image = cv2.imdecode(cv2.imencode(".jpg", np.ascontiguousarray(image), quality)[1], 1)
    return np.ascontiguousarray(image)


def collate(samples: list) -> dict[str, torch.Tensor]:
    """A batch in the form that Ultralytics' loss takes, with uint8 pixels."""
    owners = [torch.full((len(boxes),), float(i)) for i, (_, boxes) in enumerate(samples)]
    boxes = torch.cat([boxes for _, boxes in samples])
    return {
        "img": torch.stack([pixels for pixels, _ in samples]),
        "batch_idx": torch.cat(owners),
        "cls": torch.zeros(len(boxes), 1),
        "bboxes": boxes,
    }
