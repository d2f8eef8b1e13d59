"""Trains the bundled model of people's actions, and writes it to one file.

    python scripts/train_person_actions.py --out runs/person --steps 8000

It learns from bodies that act before random cameras, as imperfect detectors, trackers and pose
estimators see them; no picture is drawn. A run can be stopped at any time and goes on from its
checkpoint when started again. (`vidcache train-objects` learns from videos of your own.)
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from vidcache.model.object_model import ObjectActionModel
from vidcache.training.learning.stages import Budget
from vidcache.training.objects.judging import calibrate, judge
from vidcache.training.objects.new_model import new_object_model
from vidcache.training.objects.performances import OBJECT_LABELS
from vidcache.training.objects.tracks import TrackBatch, TrackBatches, replay
from vidcache.training.objects.trainer import ObjectTrainer

SOURCES = ("motion", "pose")
BATCH_SIZE = 32
NUM_VALIDATION_BATCHES = 24
# Standing is taken for walking more often than the other way round.
COSTS = {"stand": 2.0}


def unseen_batches(seed: int) -> Iterator[TrackBatch]:
    """Draw batches of the validation split."""
    drawn = iter(TrackBatches(SOURCES, BATCH_SIZE, seed, "validation"))
    return (next(drawn) for _ in range(NUM_VALIDATION_BATCHES))


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
    parser.add_argument("--rate", type=float, default=2e-3, help="peak of the learning rate")
    parser.add_argument("--start", help="model to begin with, of the same labels")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    fresh = DataLoader(
        TrackBatches(SOURCES, BATCH_SIZE, options.seed),
        batch_size=None,
        num_workers=options.workers,
    )
    model = new_object_model(OBJECT_LABELS, SOURCES, seed=options.seed)
    if options.start is not None:
        model.load_state_dict(ObjectActionModel.load(options.start).state_dict())
    costs = torch.tensor([COSTS.get(label, 1.0) for label in OBJECT_LABELS])
    budget = Budget(steps=options.steps, minutes=options.minutes)
    trainer = ObjectTrainer(model, budget, rate=options.rate, weights=costs)
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.is_file():
        trainer.load(checkpoint)
    with (options.out / "log.jsonl").open("a", buffering=1) as log:

        def report(facts: dict[str, float]) -> None:
            log.write(json.dumps(facts) + "\n")
            if facts["step"] % 50 == 0:
                print(" ".join(f"{name} {value:.3g}" for name, value in facts.items()), flush=True)

        drawn = replay(fresh, np.random.default_rng(options.seed))
        trainer.run(drawn, report, checkpoint=checkpoint)
    result = trainer.averaged
    result.adjust(threshold=options.threshold)
    calibrate(result, unseen_batches(1))
    unseen = judge(result, unseen_batches(2))
    print(
        f"validation accuracy {unseen.accuracy:.3f}, mAP {unseen.mean_average_precision:.3f}, "
        f"temperature {result.temperature:.2f}"
    )
    path = options.out / "person_actions.safetensors"
    result.save(path)
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
