"""The pictures that the person detector is trained on, gathered into one folder.

Real frames carry the labels of two COCO detectors (`person_detector_labels`); what they doubt is
painted over. A still camera's people are also cut out, to stand before other backgrounds.
Renders come from `vidcache.training.synthetic` with exact boxes.

The folder holds ``pictures.bin`` (all pixels), ``cutouts.bin`` (RGBA) and ``index.json``.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from person_detector_labels import People, Teachers, overlap
from person_render_keypoints import keypoints_of

_LONGEST_SIDE = 800
_DIFFERS = 28


@dataclass
class Picture:
    """A training picture, or a cut-out person.

    Attributes:
        kind: ``still_camera``, ``real``, ``render`` or ``cutout``; real pictures without people
            are ``background``.
        source: Name of the file it comes from.
        offset: Where its pixels begin in the file of pixels.
        shape: Height, width, channels.
        boxes: People, left, top, right, bottom in pixels.
        keypoints: Their keypoints (`person_detector_figures`), one list of 17 a person, or none
            where nothing is known; of a cut-out those of the one person.
    """

    kind: str
    source: str
    offset: int
    shape: tuple[int, int, int]
    boxes: list[list[float]] = field(default_factory=list)
    keypoints: list[list[list[float]]] = field(default_factory=list)


class PictureWriter:
    """Appends pictures to a folder.

    Args:
        folder: Where they go.
        part: Name of this part; several processes write a part each.
    """

    def __init__(self, folder: Path, part: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._index = folder / f"{part}.json"
        self._pixels = (folder / f"{part}.bin").open("wb")
        self._pictures: list[Picture] = []

    def add(
        self,
        kind: str,
        source: str,
        image: NDArray[np.uint8],
        boxes: Iterable,
        keypoints: NDArray[np.float32] | None = None,
    ) -> None:
        """Appends one picture, made smaller if it is large."""
        scale = min(1.0, _LONGEST_SIDE / max(image.shape[:2]))
        if scale < 1.0:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        scaled = [[round(float(value) * scale, 1) for value in box] for box in boxes]
        known = [] if keypoints is None else keypoints * np.float32([scale, scale, 1])
        self._pictures.append(
            Picture(
                kind, source, self._pixels.tell(), image.shape, scaled,
                np.round(known, 1).tolist(),
            )
        )  # fmt: skip
        self._pixels.write(np.ascontiguousarray(image).tobytes())

    def close(self) -> None:
        """Writes the index; without it the part does not count."""
        self._pixels.close()
        write_index(self._index, self._pictures)
        people = sum(len(picture.boxes) for picture in self._pictures)
        print(f"{self._index.stem}: {len(self._pictures)} pictures, {people} people", flush=True)


def read_pictures(folder: Path) -> list[tuple[Picture, NDArray[np.uint8]]]:
    """Every picture of every finished part; pixels stay on disk until they are used."""
    return [pair for index in sorted(folder.glob("*.json")) for pair in read_part(index)]


def read_part(index: Path) -> list[tuple[Picture, NDArray[np.uint8]]]:
    """The pictures of one finished part."""
    pictures = [Picture(**values) for values in json.loads(index.read_text())]
    if not pictures:
        return []
    found = []
    pixels = np.memmap(index.with_suffix(".bin"), np.uint8, mode="r")
    for picture in pictures:
        size = int(np.prod(picture.shape))
        block = pixels[picture.offset : picture.offset + size]
        found.append((picture, block.reshape(picture.shape)))
    return found


def write_index(index: Path, pictures: list[Picture]) -> None:
    """Writes anew what is known of the pictures of a finished part."""
    index.write_text(json.dumps([asdict(picture) for picture in pictures]))


def read_video(path: Path, every: int, stop: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Every so many-th frame of a video, RGB, upright as it is stored."""
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if stop is not None and index >= stop:
                return
            if index % every == 0:
                yield frame.to_ndarray(format="rgb24")


def add_still_camera(
    writer: PictureWriter, teachers: Teachers, path: Path, every: int, stop: int
) -> None:
    """Frames of a camera that does not move, and the people cut out of them."""
    background = still_background(path, stop)
    writer.add("background", path.name, background, [])
    for image in read_video(path, every, stop):
        moving = moving_parts(image, background)
        people = teachers.look(image, moving=moving)
        writer.add("still_camera", path.name, _cover(image, background, people), people.sure)
        for box, score in zip(people.sure, people.scores, strict=True):
            cutout = _cut_out(image, moving, box, people) if score >= 0.45 else None
            if cutout is not None:
                writer.add("cutout", path.name, cutout, [])


def add_frames(writer: PictureWriter, teachers: Teachers, path: Path, every: int) -> None:
    """Frames of any other video."""
    for image in read_video(path, every):
        name = "/".join(path.parts[-3:])
        _add_labelled(writer, teachers, image, name, tiles=image.shape[1] > image.shape[0])


def add_stills(writer: PictureWriter, teachers: Teachers, folder: Path) -> None:
    """Photographs; small ones are icons and are left out."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is not None and min(image.shape[:2]) >= 200:
                _add_labelled(writer, teachers, image[..., ::-1].copy(), path.name, tiles=False)


def _add_labelled(
    writer: PictureWriter, teachers: Teachers, image: NDArray[np.uint8], name: str, *, tiles: bool
) -> None:
    people = teachers.look(image, tiles=tiles)
    size = max(image.shape[:2]) // 12 * 2 + 1
    image = _cover(image, cv2.blur(image, (size, size)), people)
    writer.add("real" if len(people.sure) else "background", name, image, people.sure)


def _cover(image: NDArray[np.uint8], cover: NDArray[np.uint8], people: People) -> NDArray[np.uint8]:
    """Hides what is doubtful, but nothing of a person that is sure."""
    covered = image.copy()
    for left, top, right, bottom in _grown(people.doubtful, image, 0.06):
        covered[top:bottom, left:right] = cover[top:bottom, left:right]
    for left, top, right, bottom in _grown(people.sure, image, 0.02):
        covered[top:bottom, left:right] = image[top:bottom, left:right]
    return covered


def _grown(
    boxes: NDArray[np.float32], image: NDArray[np.uint8], part: float
) -> list[tuple[int, ...]]:
    limits = np.array([image.shape[1], image.shape[0]] * 2)
    margin = part * (boxes[:, 2:] - boxes[:, :2])
    grown = np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)
    return [tuple(box) for box in np.clip(grown, 0, limits).astype(int).tolist()]


def still_background(path: Path, stop: int) -> NDArray[np.uint8]:
    """What a camera that does not move sees when nobody is there."""
    sample = list(read_video(path, max(1, stop // 60), stop))
    return np.median(np.stack(sample), axis=0).astype(np.uint8)


def moving_parts(image: NDArray[np.uint8], background: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture differs from the background, shape (height, width)."""
    differs = cv2.absdiff(image, background).max(axis=2) > _DIFFERS
    mask = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 5), np.uint8)) > 0


def _cut_out(
    image: NDArray[np.uint8], moving: NDArray[np.bool_], box: NDArray[np.float32], people: People
) -> NDArray[np.uint8] | None:
    """The person of one box with a soft edge, RGBA; None if the edge is not to be trusted."""
    height, width = image.shape[:2]
    left, top, right, bottom = (round(float(value)) for value in box)
    if (overlap(box, people.sure) > 0.02).sum() > 1 or bottom - top < 40:
        return None
    if left < 3 or top < 3 or right > width - 3 or bottom > height - 3:
        return None
    mask = moving[top:bottom, left:right].astype(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, wide, tall, area = stats[largest]
    if tall < 0.85 * (bottom - top) or not 0.3 < area / (wide * tall) < 0.9:
        return None
    alpha = cv2.GaussianBlur((parts == largest).astype(np.float32) * 255, (3, 3), 0)
    person = np.dstack([image[top:bottom, left:right], alpha.astype(np.uint8)])
    return person[y : y + tall, x : x + wide]


def add_renders(writer: PictureWriter, first_seed: int, num_streams: int) -> None:
    """Pictures of synthetic streams, far apart in time."""
    from vidcache.training.synthetic.stream import SyntheticStream
    from vidcache.video.drawing import use_one_thread

    use_one_thread()
    for seed in range(first_seed, first_seed + num_streams):
        rng = np.random.default_rng(seed)
        size = [(480, 288), (416, 320), (320, 416), (640, 360)][int(rng.integers(4))]
        stream = SyntheticStream(
            seed=seed, split="train", size=size, frame_rate=2.0, num_frames=6,
            num_figures=int(rng.choice(5, p=[0.05, 0.25, 0.3, 0.25, 0.15])),
        )  # fmt: skip
        for index in (0, 3, 5):
            frame = stream.frame(index)
            figures = [figure for figure in frame.figures if figure.visibility >= 0.25]
            boxes = [figure.box_xyxy for figure in figures]
            writer.add("render", f"seed{seed}", frame.image_rgb, boxes, keypoints_of(figures, size))
