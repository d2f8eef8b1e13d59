"""Compares the bundled person detector with its teachers on video that it was not trained on.

    python scripts/eval_person_detector.py --assets ../shared/assets

Truth is what the two teachers say together, with quarters of the picture looked at too
(`person_detector_labels`); detections on what they doubt are not counted for or against. So the
teachers are judged partly by themselves. Prints the tables of the model card.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from person_detector_labels import TEACHERS, People, Teachers, covered, overlap
from person_detector_pictures import moving_parts, read_video, still_background

from vidcache.tracking import UltralyticsDetector, UltralyticsTracker

_CAMERA, _CAMERA_STOP = "pedestrians_cctv.mp4", 595
_PARK = "two_people_vp9.mp4"
_HEIGHTS = ((0, 50), (50, 100), (100, 10_000))
_SHOWN = 0.25


@dataclass(frozen=True)
class Test:
    """Frames with their truth."""

    name: str
    images: list[NDArray[np.uint8]]
    people: list[People]


def main() -> None:
    """Reads the command line and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--labels", type=Path, help="file that keeps the teachers' labels")
    parser.add_argument("--every", type=int, default=4, help="every so many-th frame is judged")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tests = load_tests(args.assets, args.every, args.labels)
    models = [args.model, *(args.assets / "models" / name for name in TEACHERS)]
    print("| video | model | AP50 | AP50–95 | recall, by height in px | false a frame |")
    print("| --- | --- | --- | --- | --- | --- |")
    for test in tests:
        for model in models:
            print(_detection_row(test, model), flush=True)
    print()
    print("| model | boxes | numbers given | longest | second |")
    print("| --- | --- | --- | --- | --- |")
    for model in models:
        print(_tracking_row(args.assets / "videos" / _PARK, model), flush=True)


def load_tests(assets: Path, every: int, labels: Path | None) -> list[Test]:
    """The held-out frames, every so many-th, with what the teachers say of them."""
    videos = assets / "videos"
    park = list(read_video(videos / _PARK, every))
    camera = list(read_video(videos / _CAMERA, every))
    first = -(-_CAMERA_STOP // every)
    background = still_background(videos / _CAMERA, _CAMERA_STOP)
    known = json.loads(labels.read_text()) if labels and labels.exists() else {}
    teachers = None if known else Teachers(assets / "models")
    tests = []
    for name, images in ((_PARK, park), (f"{_CAMERA}, last 200 frames", camera[first:])):
        if teachers is None:
            people = [People(*(np.float32(part) for part in item)) for item in known[name]]
            people = [
                People(p.sure.reshape(-1, 4), p.scores, p.doubtful.reshape(-1, 4)) for p in people
            ]
        else:
            still = name != _PARK
            people = [
                teachers.look(image, moving=moving_parts(image, background) if still else None)
                for image in images
            ]
            known[name] = [
                [p.sure.tolist(), p.scores.tolist(), p.doubtful.tolist()] for p in people
            ]
        tests.append(Test(name, images, people))
    if labels and teachers is not None:
        labels.write_text(json.dumps(known))
    return tests


def _detection_row(test: Test, model: str | Path) -> str:
    detector = UltralyticsDetector(model, confidence=0.01, classes=["person"])
    found = []
    for image in test.images:
        seen = detector.detect(image)
        boxes = np.array([d.box_xyxy for d in seen], np.float32).reshape(-1, 4)
        found.append((boxes, np.array([d.score for d in seen], np.float32)))
    precisions = [_average_precision(test, found, limit) for limit in np.arange(0.5, 1.0, 0.05)]
    recalls, false_alarms = _recalls(test, found)
    return (
        f"| {test.name} | {detector.name} | {precisions[0]:.3f} | {np.mean(precisions):.3f} | "
        f"{recalls} | {false_alarms:.2f} |"
    )


def _match(
    people: People, boxes: NDArray[np.float32], limit: float
) -> tuple[list[bool | None], set[int]]:
    """For boxes, best first: hit, miss, or None for not counted; and which people were found."""
    verdicts: list[bool | None] = []
    taken: set[int] = set()
    for box in boxes:
        shares = overlap(box, people.sure)
        shares[list(taken)] = 0
        if len(shares) and shares.max() >= limit:
            taken.add(int(shares.argmax()))
            verdicts.append(True)
        else:
            doubtful = len(people.doubtful) and (
                overlap(box, people.doubtful).max() > 0.3
                or max(covered(region, box[None])[0] for region in people.doubtful) > 0.7
            )
            verdicts.append(None if doubtful else False)
    return verdicts, taken


def _average_precision(test: Test, found: list, limit: float) -> float:
    scores, hits = [], []
    for people, (boxes, confidence) in zip(test.people, found, strict=True):
        for score, verdict in zip(confidence, _match(people, boxes, limit)[0], strict=True):
            if verdict is not None:
                scores.append(score)
                hits.append(verdict)
    total = sum(len(people.sure) for people in test.people)
    order = np.argsort(-np.array(scores), kind="stable")
    true = np.cumsum(np.array(hits, bool)[order])
    precision = true / np.arange(1, len(true) + 1)
    best_after = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(best_after * np.diff(true, prepend=0)) / max(total, 1))


def _recalls(test: Test, found: list) -> tuple[str, float]:
    counts = {span: [0, 0] for span in _HEIGHTS}
    false = 0
    for people, (boxes, confidence) in zip(test.people, found, strict=True):
        verdicts, taken = _match(people, boxes[confidence >= _SHOWN], 0.5)
        false += verdicts.count(False)
        for index, box in enumerate(people.sure):
            height = box[3] - box[1]
            span = next(s for s in _HEIGHTS if s[0] <= height < s[1])
            counts[span][0] += index in taken
            counts[span][1] += 1
    parts = []
    for (low, high), (hit, total) in counts.items():
        if total:
            name = f"{low}–{high}" if high < 10_000 else f"over {low}"
            parts.append(f"{name}: {hit / total:.2f} of {total}")
    return "; ".join(parts), false / len(test.images)


def _tracking_row(video: Path, model: str | Path) -> str:
    tracker = UltralyticsTracker(model, classes=["person"])
    lengths: dict[int, int] = {}
    seen = 0
    for image in read_video(video, 1):
        for track in tracker.update(image):
            lengths[track.id] = lengths.get(track.id, 0) + 1
            seen += 1
    longest = [*sorted(lengths.values(), reverse=True), 0, 0]
    name = tracker.detector.name
    return f"| {name} | {seen} | {len(lengths)} | {longest[0]} frames | {longest[1]} frames |"


if __name__ == "__main__":
    main()
