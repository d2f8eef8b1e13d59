"""Trains the bundled model of people's actions, and writes it to one file.

    python scripts/train_person_actions.py --out runs/person --minutes 30

It learns from bodies that act before random cameras, as imperfect detectors, trackers and pose
estimators see them; no picture is drawn. With `--labels people.csv --videos FOLDER` (columns
video,time,x1,y1,x2,y2,label,id) every other batch is of your own video. A run can be stopped at any
time and goes on from its checkpoint when started again.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from vidcache.cache import TimeWindow
from vidcache.frames import FrameResult
from vidcache.head import HeadConfig
from vidcache.model.object_model import ObjectActionModel, ObjectModelConfig
from vidcache.tracking import UltralyticsTracker
from vidcache.training.learning.calibration import fit_temperature
from vidcache.training.learning.stages import Budget
from vidcache.training.objects.annotations import ObjectTimeline, read_object_annotations
from vidcache.training.objects.performances import IGNORED, OBJECT_LABELS
from vidcache.training.objects.recordings import RecordedBatches, label_tracks
from vidcache.training.objects.tracks import LabelledTrack, TrackBatch, TrackBatches, replay
from vidcache.training.objects.trainer import ObjectTrainer, track_logits
from vidcache.video import open_source
from vidcache.video.camera_motion import CameraMotion

BATCH_SIZE = 32
NUM_VALIDATION_BATCHES = 24


def build_model(labels: Sequence[str] = OBJECT_LABELS) -> ObjectActionModel:
    """Return the model with random weights."""
    head = HeadConfig(
        in_features=64,
        width=64,
        depth=1,
        num_heads=4,
        num_iterations=2,
        num_outputs=len(labels),
        num_tokens=2,
        eviction=TimeWindow(seconds=1.5, max_frames=64),
        positions="seconds",
        positions_per_second=10.0,
        layer_scale=0.3,
    )
    return ObjectActionModel(ObjectModelConfig(tuple(labels), head, ("motion", "pose")))


def record(video: Path, detector: str) -> tuple[list[FrameResult], dict[int, np.ndarray], tuple]:
    """Follow the people of a video; return what is seen, how the camera moves, and the size."""
    tracker = UltralyticsTracker(detector, classes=["person"])
    results, cameras, camera, size = [], {}, CameraMotion(), (1, 1)
    with open_source(str(video)) as source:
        for frame in source:
            objects = tracker.update(frame.image_rgb)
            boxes = [track.box_xyxy for track in objects]
            cameras[frame.index] = camera.update(frame.image_rgb, boxes)
            results.append(FrameResult(frame.index, frame.pts_seconds, "", (), objects))
            size = (frame.image_rgb.shape[1], frame.image_rgb.shape[0])
    return results, cameras, size


def own_tracks(csv: Path, folder: Path, detector: str) -> tuple[list[LabelledTrack], list[str]]:
    """Return the labelled tracks of annotated videos, and their labels."""
    annotations = read_object_annotations(csv)
    labels = sorted({known.label for known in annotations})
    tracks: list[LabelledTrack] = []
    for name in sorted({known.video for known in annotations}):
        results, cameras, size = record(folder / name, detector)
        truth = ObjectTimeline(annotations, name)
        tracks += label_tracks(results, truth, size, labels, cameras=cameras)
        print(f"{name}: {len(results)} frames, {len(tracks)} labelled tracks so far", flush=True)
    return tracks, labels


def mixed(batches: Iterable[TrackBatch], own: Iterable[TrackBatch]) -> Iterator[TrackBatch]:
    """Return batches of both kinds by turns."""
    return chain.from_iterable(zip(batches, own, strict=False))


def calibrate(model: ObjectActionModel, batches: Iterable[TrackBatch]) -> float:
    """Fit the temperature on batches and return the accuracy."""
    logits, labels = [], []
    with torch.no_grad():
        for batch in batches:
            passes = track_logits(model, batch.values, batch.present, batch.seconds)
            logits.append(passes[-1].flatten(0, 1))
            labels.append(batch.labels.flatten())
    told, truth = torch.cat(logits), torch.cat(labels)
    told, truth = told[truth != IGNORED], truth[truth != IGNORED]
    targets = torch.nn.functional.one_hot(truth, told.shape[1]).float()
    model.adjust(temperature=round(fit_temperature(told, targets), 3))
    return float((told.argmax(-1) == truth).float().mean())


def main() -> None:
    """Train and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint and model")
    parser.add_argument("--minutes", type=float, help="length of the training by the clock")
    parser.add_argument("--steps", type=int, help="length of the training in steps")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="processes that draw tracks")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threshold", type=float, default=0.5, help="below it: unsure")
    parser.add_argument("--start", help="model to begin with, of the same labels")
    parser.add_argument("--labels", type=Path, help="CSV of labels of your own")
    parser.add_argument("--videos", type=Path, default=Path(), help="folder of its videos")
    parser.add_argument("--detector", default="bundled-pose", help="for these videos")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    labels = OBJECT_LABELS
    fresh = DataLoader(
        TrackBatches(("motion", "pose"), BATCH_SIZE, options.seed),
        batch_size=None,
        num_workers=options.workers,
    )
    drawn: Iterable[TrackBatch] = replay(fresh, np.random.default_rng(options.seed))
    if options.labels is not None:
        tracks, found = own_tracks(options.labels, options.videos, options.detector)
        own = RecordedBatches(tracks, ("motion", "pose"), BATCH_SIZE, options.seed)
        # Labels that bodies cannot be drawn for are learnt from the videos alone.
        known = set(found) <= set(labels)
        labels = labels if known else tuple(found)
        drawn = mixed(drawn, own) if known else own
    model = build_model(labels)
    if options.start is not None:
        model.load_state_dict(ObjectActionModel.load(options.start).state_dict())
    trainer = ObjectTrainer(model, Budget(steps=options.steps, minutes=options.minutes))
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.is_file():
        trainer.load(checkpoint)
    with (options.out / "log.jsonl").open("a", buffering=1) as log:

        def report(facts: dict[str, float]) -> None:
            log.write(json.dumps(facts) + "\n")
            if facts["step"] % 50 == 0:
                print(" ".join(f"{name} {value:.3g}" for name, value in facts.items()), flush=True)

        trainer.run(drawn, report, checkpoint=checkpoint)
    result = trainer.averaged
    result.adjust(threshold=options.threshold)
    if labels == OBJECT_LABELS:
        unseen = iter(TrackBatches(("motion", "pose"), BATCH_SIZE, 1, "validation"))
        accuracy = calibrate(result, (next(unseen) for _ in range(NUM_VALIDATION_BATCHES)))
        print(f"validation accuracy {accuracy:.3f}, temperature {result.temperature:.2f}")
    path = options.out / "person_actions.safetensors"
    result.save(path)
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
