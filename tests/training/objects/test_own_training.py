import itertools

import numpy as np
import torch

from vidcache.encoder import FrameEncoder
from vidcache.frames import Track
from vidcache.model.object_model import ObjectActionModel, TrackHistory
from vidcache.pipeline import ObjectModels
from vidcache.training.objects.annotations import ObjectAnnotation
from vidcache.training.objects.new_model import begin_like, new_object_model
from vidcache.training.objects.own_training import OwnTraining
from vidcache.training.objects.performances import IGNORED
from vidcache.training.objects.recorder import record_tracks
from vidcache.training.objects.track_file import read_tracks, write_tracks
from vidcache.training.objects.tracks import LabelledTrack

LABELS = ("rest", "glide")


class SquareTracker:
    """A tracker that follows the bright square of the small videos."""

    name = description = "square"
    session = 0

    def update(self, image_rgb):
        y, x = np.nonzero(image_rgb.min(2) > 180)
        box = (float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1))
        return (Track(1, "square", 1.0, box),)

    def reset(self):
        self.session += 1

    def twin(self):
        return SquareTracker()


def made_tracks(count=12, frames=60):
    """Boxes that rest for a while and glide for a while."""
    rng = np.random.default_rng(0)
    tracks = {}
    for number in range(count):
        glides = (np.arange(frames) // 20 + number) % 2
        left = 100 + np.cumsum(glides * 8.0) + rng.normal(0, 0.3, frames)
        top = 50 + rng.normal(0, 0.3, frames)
        boxes = np.column_stack((left, top, left + 40, top + 100))
        history = TrackHistory.of_boxes(np.arange(frames) / 10, boxes)
        tracks[f"made #{number}"] = LabelledTrack(history, glides)
    return tracks


def test_what_is_learnt_holds_for_tracks_that_were_held_out(tmp_path):
    model = new_object_model(LABELS, ("motion",), seed=1)
    training = OwnTraining(model, made_tracks(), tmp_path, steps=60)
    assert set(training.held) & set(training.train) == set()
    assert len(training.held) == 2
    path = training.run()
    judged = training.judge()
    assert judged.accuracy > 0.85
    assert judged.num_frames == 120
    known = ObjectActionModel.load(tmp_path)
    assert known.labels == LABELS
    assert path == tmp_path / "object_model.safetensors"


def test_a_training_that_was_stopped_goes_on(tmp_path):
    def begin():
        return OwnTraining(
            new_object_model(LABELS, ("motion",)), made_tracks(4, 24), tmp_path, steps=8
        )

    first = begin()
    assert first.run(lambda done, total: first.stop() if done == 3 else None) is None
    second, steps = begin(), []
    assert second.resume() == 3
    assert second.run(lambda done, total: steps.append((done, total))).is_file()
    assert steps == [(number, 8) for number in range(4, 9)]


def test_tracks_are_read_back_for_what_they_were_made_from_alone(tmp_path):
    tracks, path = made_tracks(3, 9), tmp_path / "new" / "tracks.npz"
    assert read_tracks(path, {"a": 1}) is None
    write_tracks(path, tracks, {"a": 1, "b": (2, 3)})
    assert read_tracks(path, {"a": 2, "b": (2, 3)}) is None
    known = read_tracks(path, {"a": 1, "b": (2, 3)})
    assert list(known) == list(tracks)
    for name, track in tracks.items():
        np.testing.assert_array_equal(known[name].labels, track.labels)
        np.testing.assert_array_equal(known[name].history.boxes_xyxy, track.history.boxes_xyxy)
        assert known[name].history.regions.shape == (9, 0)
    path.write_bytes(path.read_bytes()[:100])
    assert read_tracks(path, {"a": 1, "b": (2, 3)}) is None


def test_a_video_teaches_what_a_run_over_it_would_see(small_video):
    encoder = FrameEncoder(
        "vit_tiny_patch16_224", None, image_size=32, fit="pad", model_args={"depth": 1}
    )
    torch.manual_seed(0)
    width = encoder.num_features
    model = new_object_model(LABELS, ("motion", "region"), region_features=width)
    models = ObjectModels(model, encoder=encoder)
    whole = (0.0, 0.0, 1.0, 1.0)
    # The square of the first picture: 16 pixels of 96 and 64.
    box = (0.0, 20 / 64, 16 / 96, 36 / 64)
    annotations = [
        ObjectAnnotation(small_video.name, 0.0, box, "glide", 1),
        ObjectAnnotation(small_video.name, 0.1, whole, "rest", 2),
    ]
    seen = []
    tracks = record_tracks(
        annotations,
        small_video.parent,
        LABELS,
        SquareTracker(),
        models,
        ("square",),
        lambda name, frame: seen.append((name, frame.index)),
    )
    assert seen == [(small_video.name, index) for index in range(24)]
    ((name, track),) = tracks.items()
    assert name == f"{small_video.name} #1"
    # Of one frame alone anything is known.
    assert track.labels.tolist() == [1] + [IGNORED] * 23
    assert track.history.regions.shape == (24, width)
    assert np.isfinite(track.history.regions).all()


def test_a_model_for_other_labels_begins_with_what_another_one_sees():
    known, other, same = (
        new_object_model(labels, ("motion",), seed=seed)
        for seed, labels in enumerate([LABELS, ("sit", "lie"), LABELS])
    )
    before = other.state_dict()["head.prediction_branch.fc2.weight"].clone()
    assert begin_like(other, known) < len(known.state_dict())
    assert begin_like(same, known) == len(known.state_dict())
    for name in ("encoders.motion.fc1.weight", "head.trunk.0.attn.qkv.weight"):
        assert other.state_dict()[name].equal(known.state_dict()[name])
    assert other.state_dict()["head.prediction_branch.fc2.weight"].equal(before)
    pairs = zip(same.parameters(), known.parameters(), strict=True)
    assert all(itertools.starmap(torch.equal, pairs))
