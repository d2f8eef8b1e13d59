"""Trains the bundled person pose model, a yolo26n-pose with one class, on a CPU.

    python scripts/train_person_detector.py gather --assets ../shared/assets --work DIR
    python scripts/train_person_pose.py label --work DIR --mediapipe UNPACKED_WHEEL
    python scripts/train_person_pose.py train --work DIR --minutes 75
    python scripts/train_person_pose.py save --work DIR --out BUNDLED/person_pose_yolo26n.pt

It begins with the weights of the bundled person detector and learns from the same pictures.
``label`` adds the keypoints of real people, as the pose model in MediaPipe's wheel sees them (it
needs the packages ``ai-edge-litert`` and that wheel, unpacked), and cuts them out; renders know
theirs. ``train`` and ``save`` are as those of the detector.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from person_training import add_commands, save_checkpoint
from person_training import train as train_model

from vidcache.tracking import bundled_detector
from vidcache.tracking._ultralytics import load_ultralytics

_LABELLED = {"real", "still_camera"}


def label(args: argparse.Namespace) -> None:
    """Adds keypoints to the pictures of real people, and parts with the people cut out."""
    from person_detector_pictures import PictureWriter, read_part, write_index
    from person_pose_labels import PoseTeacher

    teacher = PoseTeacher(args.mediapipe)
    folder = args.work / "pictures"
    for index in sorted(folder.glob("*.json")):
        part = read_part(index)
        cutouts_index = index.with_name(f"{index.stem}_cutouts.json")
        if cutouts_index.exists() or not any(p.kind in _LABELLED for p, _ in part):
            continue
        cutouts = PictureWriter(folder, cutouts_index.stem)
        for picture, pixels in part:
            if picture.kind in _LABELLED:
                _label_people(picture, np.ascontiguousarray(pixels), teacher, cutouts)
        # Cut-outs by movement alone have no keypoints: these are better ones of the same people.
        write_index(index, [picture for picture, _ in part if picture.kind != "cutout"])
        known = sum(bool(np.any(k)) for picture, _ in part for k in picture.keypoints)
        print(f"{index.stem}: keypoints of {known} people", flush=True)
        cutouts.close()


def _label_people(picture: Any, pixels: np.ndarray, teacher: Any, cutouts: Any) -> None:
    from person_detector_figures import NUM_KEYPOINTS
    from person_detector_labels import overlap
    from person_pose_labels import cut_out

    boxes = np.array(picture.boxes, np.float32).reshape(-1, 4)
    picture.keypoints = []
    for box in boxes:
        pose = teacher.look(pixels, box)
        keypoints = np.zeros((NUM_KEYPOINTS, 3)) if pose is None else pose.keypoints
        picture.keypoints.append(np.round(keypoints, 1).tolist())
        alone = (overlap(box, boxes) > 0.05).sum() == 1
        person = cut_out(pixels, pose, box) if pose is not None and alone else None
        if person is not None:
            cutouts.add("cutout", picture.source, person[0], [], person[1][None])


def make_model() -> Any:
    """A yolo26n-pose for one class that finds people as the bundled detector does."""
    ultralytics = load_ultralytics()
    from person_pose_loss import make_criterion
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import PoseModel

    model = PoseModel("yolo26n-pose.yaml", nc=1, verbose=False)
    model.names = {0: "person"}
    model.args = get_cfg()
    own = model.state_dict()
    trained = ultralytics.YOLO(str(bundled_detector())).model.float().state_dict()
    fitting = {name: v for name, v in trained.items() if name in own and v.shape == own[name].shape}
    model.load_state_dict(fitting, strict=False)
    for parameter in model.parameters():
        parameter.requires_grad = True
    model.criterion = make_criterion(model)
    return model


def train(args: argparse.Namespace) -> None:
    """Trains until the time is over."""
    train_model(args, make_model)


def save(args: argparse.Namespace) -> None:
    """Writes the averaged weights as a checkpoint that Ultralytics loads."""
    state = torch.load(args.work / "last.pt", weights_only=True)
    model = make_model()
    model.criterion = None
    save_checkpoint(model, state["average"], "pose", args.image_size, args.out)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("label")
    one.add_argument("--mediapipe", type=Path, required=True, help="the unpacked wheel")
    one.set_defaults(run=label)
    one.add_argument("--work", type=Path, required=True)
    add_commands(commands, train, save)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
