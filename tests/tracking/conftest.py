import importlib.util

import pytest
from coloured_objects import ColourDetector, draw_objects

# Asked for without importing: the package itself must be the first to import Ultralytics.
if not all(importlib.util.find_spec(name) for name in ("ultralytics", "lap")):
    pytest.skip("needs the extra 'run'", allow_module_level=True)


@pytest.fixture(scope="session")
def colours():
    """The class of a detector for drawn pictures."""
    return ColourDetector


@pytest.fixture(scope="session")
def draw():
    """Draws a black picture with one rectangle of a colour of its own for each box."""
    return draw_objects


@pytest.fixture(scope="session")
def moving(draw):
    """Twelve frames in which one object walks and another stands."""
    return [draw((10 + 3 * i, 20, 40 + 3 * i, 90), (110, 30, 140, 100)) for i in range(12)]


def _save_untrained(path, architecture, image_size, task="detect"):
    import torch

    from vidcache.tracking._ultralytics import load_ultralytics

    load_ultralytics()
    from ultralytics.nn import tasks

    torch.manual_seed(0)
    kind = {"detect": tasks.DetectionModel, "pose": tasks.PoseModel}[task]
    model = kind(architecture, nc=2, verbose=False)
    model.names = {0: "person", 1: "dog"}
    torch.save({"model": model.half(), "train_args": {"imgsz": image_size, "task": task}}, path)
    return path


@pytest.fixture(scope="session")
def untrained_model(tmp_path_factory):
    """A checkpoint as Ultralytics writes it: an end-to-end yolo26n with random weights."""
    return _save_untrained(tmp_path_factory.mktemp("models") / "untrained.pt", "yolo26n.yaml", 128)


@pytest.fixture(scope="session")
def untrained_dense_model(tmp_path_factory):
    """A model that needs non-maximum suppression, and sees boxes everywhere."""
    return _save_untrained(tmp_path_factory.mktemp("models") / "dense.pt", "yolo11n.yaml", 128)


@pytest.fixture(scope="session")
def untrained_pose_model(tmp_path_factory):
    """A yolo26n-pose with random weights: an end-to-end model."""
    path = tmp_path_factory.mktemp("models") / "pose.pt"
    return _save_untrained(path, "yolo26n-pose.yaml", 128, "pose")


@pytest.fixture(scope="session")
def untrained_dense_pose_model(tmp_path_factory):
    """A pose model that needs non-maximum suppression, and sees people everywhere."""
    path = tmp_path_factory.mktemp("models") / "dense-pose.pt"
    return _save_untrained(path, "yolo11n-pose.yaml", 128, "pose")
