"""Prints how good the model of people's actions is, on synthetic streams and on real video.

    python scripts/eval_person_actions.py synthetic --model person
    python scripts/eval_person_actions.py video --video VIDEO --labels people.csv

`synthetic` takes the held-out streams (split test) with one to four figures. By default it sees
their own boxes and keypoints with the noise of a tracker and a pose estimator; with `--detector` it
sees what that detector and its tracker find in the pictures. `video` runs the whole pipeline, or
reads what `vidcache run --actions per-object --jsonl` wrote, and counts what is shown for every
annotated person in the frames in which that person is tracked. Labels of two real videos are in
`scripts/labels_by_eye`.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vidcache.config import Config
from vidcache.frames import FrameResult
from vidcache.model.object_model import ObjectActionModel, TrackHistory
from vidcache.model.object_model.source_features import track_features
from vidcache.pipeline import Pipeline
from vidcache.tracking import UltralyticsTracker
from vidcache.training.metrics import average_precision
from vidcache.training.objects.annotations import (
    ObjectTimeline,
    match_boxes,
    read_object_annotations,
)
from vidcache.training.objects.noise import observe
from vidcache.training.objects.performances import OBJECT_LABELS, object_label
from vidcache.training.objects.recordings import ObservedTruth, observed_truth
from vidcache.training.objects.views import ExactTrack
from vidcache.training.synthetic import SyntheticFrame, SyntheticStream
from vidcache.training.synthetic.skeleton import joint
from vidcache.video import open_source, read_jsonl

SIZE = (512, 288)
_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_POINTS = [joint(f"{side}_{limb}") for limb in _LIMBS for side in ("left", "right")]
_VISIBLE = 0.4


@dataclass(frozen=True, eq=False)
class Scored:
    """Frames of figures: what was said, and what was done (-1: has no label)."""

    scores: np.ndarray
    labels: np.ndarray
    num_shown: int


def score_history(model: ObjectActionModel, history: TrackHistory) -> np.ndarray:
    """Return the probabilities of every observation of a track, (T, labels)."""
    features = track_features(history, model.sources)
    with torch.inference_mode():
        tokens = model.embed(
            {name: torch.from_numpy(found.values)[None] for name, found in features.items()},
            {name: torch.from_numpy(found.present)[None] for name, found in features.items()},
        )
        return model(tokens, torch.from_numpy(history.seconds)[None])[0].numpy()


def figure_tracks(stream: SyntheticStream) -> Iterator[tuple[TrackHistory, np.ndarray]]:
    """Return what a tracker might say of each figure of a stream, and what it does."""
    seen: dict[int, list[tuple[SyntheticFrame, int]]] = {}
    for frame in stream:
        for place, figure in enumerate(frame.figures):
            if figure.visibility >= _VISIBLE:
                seen.setdefault(figure.id, []).append((frame, place))
    for number, rows in seen.items():
        if len(rows) < 8:
            continue
        figures = [frame.figures[place] for frame, place in rows]
        keypoints = np.stack([figure.keypoints_xy for figure in figures])
        # A figure's face has no keypoints of its own.
        coco = np.concatenate(
            (np.repeat(keypoints[:, [joint("head")]], 5, 1), keypoints[:, _POINTS]), 1
        )
        boxes = np.array([figure.box_xyxy for figure in figures])
        exact = ExactTrack(
            np.array([frame.seconds for frame, _ in rows]),
            coco,
            boxes,
            np.zeros(len(rows)),
            np.array([object_label(figure.label) for figure in figures]),
            float(np.median((boxes[:, 2:] - boxes[:, :2]).max(1))),
        )
        noisy = observe(np.random.default_rng((23, number, len(rows))), exact)
        noisy.keypoints[:, 1:5, 2] = 0.0
        kept = noisy.detected
        history = TrackHistory.of_boxes(
            exact.seconds[kept], noisy.boxes_xyxy[kept], noisy.keypoints[kept]
        )
        yield history, exact.labels[kept]


def found_tracks(
    stream: SyntheticStream, detector: str
) -> tuple[list[tuple[TrackHistory, np.ndarray]], int]:
    """Return what a tracker says of the figures of a stream, what they do, and how many showed."""
    tracker = UltralyticsTracker(detector, classes=["person"])
    rows: dict[int, list[tuple]] = {}
    shown = 0
    for frame in stream:
        figures = [figure for figure in frame.figures if figure.visibility >= _VISIBLE]
        shown += sum(object_label(figure.label) >= 0 for figure in figures)
        tracks = tracker.update(frame.image_rgb)
        boxes = np.array([figure.box_xyxy for figure in figures]).reshape(-1, 4)
        pairs = match_boxes(np.array([t.box_xyxy for t in tracks]).reshape(-1, 4), boxes)
        for place, track in enumerate(tracks):
            label = object_label(figures[pairs[place]].label) if place in pairs else -1
            points = np.full((17, 3), np.nan) if track.keypoints is None else track.keypoints
            rows.setdefault(track.id, []).append((frame.seconds, track.box_xyxy, points, label))
    result = []
    for seen in rows.values():
        seconds, boxes, points, labels = (np.array(part) for part in zip(*seen, strict=True))
        result.append((TrackHistory.of_boxes(seconds, boxes, points.astype(float)), labels))
    return result, shown


def judge_streams(
    model: ObjectActionModel, num_figures: int, num_streams: int, detector: str | None
) -> Scored:
    """Score the figures of held-out streams."""
    scores, labels, shown = [], [], 0
    for seed in range(num_streams):
        stream = SyntheticStream(
            7000 + seed, "test", size=SIZE, frame_rate=10.0, num_frames=64, num_figures=num_figures
        )
        if detector is None:
            tracks = list(figure_tracks(stream))
            shown += sum(int((label >= 0).sum()) for _, label in tracks)
        else:
            tracks, more = found_tracks(stream, detector)
            shown += more
        for history, label in tracks:
            scores.append(score_history(model, history))
            labels.append(label)
    return Scored(np.concatenate(scores), np.concatenate(labels), shown)


def print_synthetic(model: ObjectActionModel, options: argparse.Namespace) -> None:
    """Print a row for each number of figures."""
    source = options.detector or "their own boxes and keypoints, with noise"
    print(f"{options.streams} test streams of 64 frames each, seen through: {source}\n")
    print(f"| figures | frames | seen | accuracy | mAP | {' | '.join(OBJECT_LABELS)} |")
    print("| --- " * (5 + len(OBJECT_LABELS)) + "|")
    for num_figures in options.figures:
        done = judge_streams(model, num_figures, options.streams, options.detector)
        counted = done.labels >= 0
        scores, labels = done.scores[counted], done.labels[counted]
        each = [average_precision(scores[:, k], labels == k) for k in range(len(OBJECT_LABELS))]
        accuracy = float((scores.argmax(1) == labels).mean())
        aps = " | ".join(f"{value:.3f}" for value in each)
        print(
            f"| {num_figures} | {len(labels)} | {len(labels) / max(done.num_shown, 1):.2f} "
            f"| {accuracy:.3f} | {np.nanmean(each):.3f} | {aps} |",
            flush=True,
        )


def run_video(options: argparse.Namespace) -> tuple[list[FrameResult], tuple[int, int]]:
    """Return the results of a whole run, new or recorded, and the size of the pictures."""
    if options.results is not None:
        recording = read_jsonl(options.results)
        width, height = (recording.header or {})["size"]
        return list(recording.frames), (width, height)
    objects = {"model": options.model, "pose": options.pose}
    config = Config(actions="per-object", detector=options.detector or "auto", objects=objects)
    pipeline = Pipeline.from_config(config)
    with open_source(str(options.video)) as source:
        return list(pipeline.run(source)), source.size


def print_video(options: argparse.Namespace) -> None:
    """Print what was shown for each annotated person, and how often it was right."""
    results, size = run_video(options)
    name = options.name or options.video.name
    annotations = read_object_annotations(options.labels)
    truth = ObjectTimeline(annotations, name, max_gap=options.max_gap)
    seen = [entry for entry in observed_truth(results, truth, size) if entry.label is not None]
    print(f"{name}: {len(results)} frames, {len({entry.person for entry in seen})} people\n")
    print("| person | label | frames | tracked | right | shown |\n" + "| --- " * 6 + "|")
    for person in sorted({entry.person for entry in seen}):
        for label in sorted({entry.label for entry in seen if entry.person == person}):
            part = [e for e in seen if (e.person, e.label) == (person, label)]
            print_row(str(person), label, part)
    for label in sorted({entry.label for entry in seen if entry.label}):
        print_row("all", label, [entry for entry in seen if entry.label == label])


def print_row(person: str, label: str, entries: Sequence[ObservedTruth]) -> None:
    """Print what was shown where one label was true."""
    shown = Counter(entry.track.action for entry in entries if entry.track is not None)
    tracked = sum(shown.values())
    right = f"{shown[label] / tracked:.1%}" if tracked else "-"
    told = ", ".join(f"{action} {count}" for action, count in shown.most_common(4))
    print(f"| {person} | {label} | {len(entries)} | {tracked} | {right} | {told} |")


def main() -> None:
    """Judge the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    synthetic = commands.add_parser("synthetic", help="held-out streams with 1 to 4 figures")
    synthetic.add_argument("--streams", type=int, default=24)
    synthetic.add_argument("--figures", type=int, nargs="+", default=[1, 2, 3, 4])
    video = commands.add_parser("video", help="real video with labels")
    video.add_argument("--video", type=Path, help="the file")
    video.add_argument("--results", type=Path, help="JSONL of a run over it, instead of a run")
    video.add_argument("--labels", type=Path, required=True, help="CSV of who does what")
    video.add_argument("--name", help="what the video is called there")
    video.add_argument(
        "--max-gap", type=float, default=0.0, help="seconds between labels that are bridged"
    )
    video.add_argument("--pose", default="auto", help="pose model, or none")
    for command in (synthetic, video):
        command.add_argument("--model", default="person", help="a bundled model or a file")
        command.add_argument("--detector", help="a detector or pose model")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "synthetic":
        print_synthetic(ObjectActionModel.load(options.model), options)
    else:
        print_video(options)


if __name__ == "__main__":
    main()
