# pyright: basic
"""Training of a model of people's actions on tracks of your own videos."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch

from vidcache.errors import ModelError
from vidcache.model.object_model import ObjectActionModel
from vidcache.model.object_model.object_model_file import OBJECT_MODEL_NAME
from vidcache.training.data.hold_out import hold_out
from vidcache.training.learning.stages import Budget
from vidcache.training.objects.judging import TrackJudgement, calibrate, judge
from vidcache.training.objects.performances import IGNORED
from vidcache.training.objects.recordings import RecordedBatches, parts_of
from vidcache.training.objects.tracks import LabelledTrack, TrackBatch, batch_tracks
from vidcache.training.objects.trainer import ObjectTrainer

__all__ = ["CHECKPOINT_NAME", "OwnTraining"]

CHECKPOINT_NAME = "object_checkpoint.pt"
"""What the checkpoint is called in the folder of a training."""

_BATCH_SIZE = 16
_RATE = 1e-3
# Longer tracks are judged in parts: attention over a whole hour would not fit into memory.
_PART = 512


class OwnTraining:
    """Trains a model on labelled tracks and writes it.

    The folder gets ``object_model.safetensors`` and a checkpoint from which `run` goes on.

    Args:
        model: The model to begin with; it is changed.
        tracks: The tracks by name.
        out: The folder.
        steps: Steps of the training.
        held_out: Part of the tracks that is judged by and not learnt from; a label's last track
            is never held out.
        seed: Of what is held out, and of the order of the tracks.

    Attributes:
        train: Names of the tracks that are learnt from.
        held: Names of those held out.
    """

    def __init__(
        self,
        model: ObjectActionModel,
        tracks: Mapping[str, LabelledTrack],
        out: Path,
        *,
        steps: int,
        held_out: float = 0.2,
        seed: int = 0,
    ) -> None:
        shown = {
            name: frozenset(str(label) for label in set(track.labels.tolist()) - {IGNORED})
            for name, track in tracks.items()
        }
        self.held = tuple(sorted(hold_out(shown, held_out, seed)))
        self.train = tuple(name for name in tracks if name not in self.held)
        self._tracks, self._out, self._seed = tracks, out, seed
        self._steps = steps
        self._trainer = ObjectTrainer(model, Budget(steps=steps), rate=_RATE)
        self._stopping = False

    def stop(self) -> None:
        """End after the step at work, so that another `run` goes on from there."""
        self._stopping = True

    def resume(self) -> int:
        """Go on from the folder's checkpoint, if there is one; return the steps that are done.

        Raises:
            ModelError: The checkpoint cannot be read, or belongs to another model.
        """
        path = self._out / CHECKPOINT_NAME
        if path.is_file():
            self._trainer.load(path)
        return self._trainer.step

    def run(self, on_step: Callable[[int, int], None] | None = None) -> Path | None:
        """Train to the end, or until `stop`, and write the model.

        Args:
            on_step: Called after each step with the steps done and the steps of the training.

        Returns:
            The model's file; None if the training was stopped.

        Raises:
            ModelError: The folder or a file in it cannot be written.
        """
        try:
            self._out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(
                f"cannot write to the folder {self._out}: {error.strerror or error}"
            ) from error

        def report(facts: dict[str, float]) -> None:
            if on_step is not None:
                on_step(int(facts["step"]), self._steps)

        torch.manual_seed(self._seed)
        self._trainer.run(self._batches(), report, checkpoint=self._out / CHECKPOINT_NAME)
        if self._trainer.step < self._steps:
            return None
        model = self._trainer.averaged
        calibrate(model, self._held_batches())
        path = self._out / OBJECT_MODEL_NAME
        model.save(path)
        return path

    def judge(self) -> TrackJudgement | None:
        """Judge the averaged weights on the tracks held out; None where there are none."""
        return judge(self._trainer.averaged, self._held_batches()) if self.held else None

    def _batches(self) -> Iterator[TrackBatch]:
        chosen = [self._tracks[name] for name in self.train]
        sources = self._trainer.model.sources
        # Another part of the order after a stop: the steps that are done are not repeated.
        seed = self._seed + self._trainer.step
        for batch in RecordedBatches(chosen, sources, _BATCH_SIZE, seed):
            if self._stopping:
                return
            yield batch

    def _held_batches(self) -> Iterator[TrackBatch]:
        for name in self.held:
            for part in parts_of(self._tracks[name], _PART):
                yield batch_tracks([part], self._trainer.model.sources)
