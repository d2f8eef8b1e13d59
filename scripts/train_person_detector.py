"""Trains the bundled person detector, a yolo26n with one class, from random weights on a CPU.

    python scripts/train_person_detector.py gather --assets ../shared/assets --work DIR
    python scripts/train_person_detector.py train --work DIR --minutes 80
    python scripts/train_person_detector.py save --work DIR --out vidcache/bundled/person_yolo26n.pt

``gather`` labels real frames with two COCO detectors and renders synthetic ones; `--stills` and
`--videos` name folders with more photographs and videos. ``train`` runs for a number of minutes
(the schedule follows the clock), and goes on where it stopped when it is started again. ``save``
writes the averaged weights in half precision, without anything of this machine.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from person_training import add_commands, save_checkpoint
from person_training import train as train_model

from vidcache.tracking._ultralytics import load_ultralytics

_HELD_OUT = {"two_people_vp9.mp4"}
_CAMERA, _CAMERA_STOP = "pedestrians_cctv.mp4", 595


def gather(args: argparse.Namespace) -> None:
    """Writes the folder of training pictures."""
    from person_detector_labels import Teachers
    from person_detector_pictures import (
        PictureWriter,
        add_frames,
        add_renders,
        add_still_camera,
        add_stills,
    )

    folder = args.work / "pictures"
    teachers = Teachers(args.assets / "models")
    camera = PictureWriter(folder, "camera")
    add_still_camera(camera, teachers, args.assets / "videos" / _CAMERA, 3, _CAMERA_STOP)
    camera.close()
    videos = PictureWriter(folder, "videos")
    found = [path for place in [args.assets / "videos", *args.videos] for path in place.rglob("*")]
    for path in sorted(found):
        if path.suffix in {".mp4", ".avi"} and path.name not in _HELD_OUT | {_CAMERA}:
            add_frames(videos, teachers, path, args.every)
    videos.close()
    stills = PictureWriter(folder, "stills")
    for place in args.stills:
        add_stills(stills, teachers, place)
    stills.close()
    renders = PictureWriter(folder, "renders")
    add_renders(renders, 10_000, args.renders)
    renders.close()


def make_model() -> Any:
    """A yolo26n for one class with random weights."""
    load_ultralytics()
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel("yolo26n.yaml", nc=1, verbose=False)
    model.names = {0: "person"}
    model.args = get_cfg()
    return model


def train(args: argparse.Namespace) -> None:
    """Trains until the time is over."""
    train_model(args, make_model)


def save(args: argparse.Namespace) -> None:
    """Writes the averaged weights as a checkpoint that Ultralytics loads."""
    state = torch.load(args.work / "last.pt", weights_only=True)
    save_checkpoint(make_model(), state["average"], "detect", args.image_size, args.out)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("gather")
    one.add_argument("--assets", type=Path, required=True)
    one.add_argument("--videos", type=Path, nargs="*", default=[])
    one.add_argument("--stills", type=Path, nargs="*", default=[])
    one.add_argument("--every", type=int, default=8, help="every so many-th frame of videos")
    one.add_argument("--renders", type=int, default=1000)
    one.set_defaults(run=gather)
    one.add_argument("--work", type=Path, required=True)
    add_commands(commands, train, save)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
