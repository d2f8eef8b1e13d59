"""Judges a pose model's keypoints: exactly on held-out renders, by a teacher on held-out video.

    python scripts/eval_person_pose.py --assets ../shared/assets --mediapipe UNPACKED_WHEEL

On video truth is what the pose model in MediaPipe's wheel says of people that two detectors found
(`person_pose_labels`, `person_detector_labels`), so no model can be judged better than that; boxes
are judged by ``eval_person_detector.py --model bundled-pose``. Keypoints that the truth knows to be
seen count, those of people who were not found too: found is a box of score 0.25 and more that
overlaps the person's by half. Prints the table of the model card.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from eval_person_detector import load_tests
from numpy.typing import NDArray
from person_detector_figures import SEEN
from person_detector_labels import overlap
from person_pose_labels import PoseTeacher
from person_render_keypoints import keypoints_of

from vidcache.tracking import UltralyticsDetector
from vidcache.training.synthetic.stream import SyntheticStream

_SHOWN, _SAME = 0.25, 0.5
_NEAR = (0.05, 0.1)
# How far people who mark a keypoint are apart, in parts of a person's size: COCO's figures.
_SIGMAS = np.repeat(
    [0.026, 0.025, 0.035, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089], [1, 2, 2, 2, 2, 2, 2, 2, 2]
)
_PARTS = {
    "head": range(5), "shoulders": (5, 6), "elbows": (7, 8), "wrists": (9, 10),
    "hips": (11, 12), "knees": (13, 14), "ankles": (15, 16),
}  # fmt: skip
_Picture = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]


def main() -> None:
    """Reads the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--mediapipe", type=Path, required=True, help="the unpacked wheel")
    parser.add_argument("--model", default="bundled-pose")
    parser.add_argument("--labels", type=Path, help="file that keeps the detectors' labels")
    parser.add_argument("--every", type=int, default=4, help="every so many-th frame is judged")
    parser.add_argument("--streams", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    detector = UltralyticsDetector(args.model, confidence=_SHOWN)
    teacher = PoseTeacher(args.mediapipe)
    tests = {
        test.name: list(_taught(test.images, [people.sure for people in test.people], teacher))
        for test in load_tests(args.assets, args.every, args.labels)
    }
    tests["held-out renders"] = list(_rendered(args.streams))
    print("| pictures | people | found | OKS of those | within 5 % | within 10 % | by part, 10 % |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, pictures in tests.items():
        print(_row(name, pictures, detector), flush=True)


def _taught(images: list, boxes: list, teacher: PoseTeacher) -> Iterator[_Picture]:
    """Pictures with the people of whom the teacher is sure."""
    for image, found in zip(images, boxes, strict=True):
        poses = [teacher.look(image, box) for box in found]
        known = [index for index, pose in enumerate(poses) if pose is not None]
        keypoints = [poses[index].keypoints for index in known]
        yield image, found[known], np.array(keypoints, np.float32).reshape(-1, 17, 3)


def _rendered(num_streams: int) -> Iterator[_Picture]:
    """Pictures of the split that nothing was trained on, at the size of a small camera."""
    size = (640, 360)
    for seed in range(num_streams):
        stream = SyntheticStream(
            seed=seed, split="test", size=size, frame_rate=2.0, num_frames=4, num_figures=2
        )
        frame = stream.frame(3)
        figures = [figure for figure in frame.figures if figure.visibility >= 0.5]
        boxes = np.array([figure.box_xyxy for figure in figures], np.float32).reshape(-1, 4)
        yield frame.image_rgb, boxes, keypoints_of(figures, size)


def _row(name: str, pictures: list[_Picture], detector: UltralyticsDetector) -> str:
    errors, similar, found, total = [], [], 0, 0
    for image, boxes, truth in pictures:
        (seen,) = detector.observe([image])
        for box, keypoints in zip(boxes, truth, strict=True):
            total += 1
            wrong = np.full(17, np.inf)
            shares = overlap(box, seen.rows[:, :4])
            if len(shares) and shares.max() >= _SAME and seen.keypoints is not None:
                places = seen.keypoints[shares.argmax()]
                wrong = np.linalg.norm(places[:, :2] - keypoints[:, :2], axis=1)
                found += 1
                similar.append(_similarity(wrong, keypoints, box))
            # In parts of the person's longer side.
            wrong = wrong / max(box[2:] - box[:2])
            errors.append(np.where(keypoints[:, 2] == SEEN, wrong, np.nan))
    away = np.array(errors)
    near = [f"{_share(away, limit):.2f}" for limit in _NEAR]
    parts = [
        f"{part} {_share(away[:, list(which)], _NEAR[1]):.2f}"
        for part, which in _PARTS.items()
        if not np.isnan(away[:, list(which)]).all()
    ]
    return (
        f"| {name} | {total} | {found / max(total, 1):.2f} | {np.nanmean(similar):.2f} | "
        f"{near[0]} | {near[1]} | {', '.join(parts)} |"
    )


def _share(away: NDArray[np.float64], limit: float) -> float:
    known = away[~np.isnan(away)]
    return float((known <= limit).mean()) if len(known) else float("nan")


def _similarity(
    wrong: NDArray[np.float64], keypoints: NDArray[np.float32], box: NDArray[np.float32]
) -> float:
    """COCO's object keypoint similarity; a person is taken to fill about half of its box."""
    area = 0.53 * float(np.prod(box[2:] - box[:2]))
    known = keypoints[:, 2] == SEEN
    alike = np.exp(-(wrong**2) / (2 * area * (2 * _SIGMAS) ** 2))
    return float(alike[known].mean()) if known.any() else float("nan")


if __name__ == "__main__":
    main()
