"""Prints the tables of speed that stand in the README, ratios first.

    python scripts/speed_tables.py VIDEO… --still VIDEO --detector F --encoder-weights F
        [--frames 150] [--rounds 2] [--plot-reuse F.png]

First `vidcache run` against the composition that a user writes today, on each VIDEO and, with
--reuse, on the video of a still camera; then a step of the head; then token reuse, gate by gate.
Ratios are of what was measured in turns. It takes half an hour on two processors.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from vidcache.bench import Job, compare

_COLUMNS = (
    "video",
    "times the composition",
    "same best label",
    "F1 of boxes",
    "F1 of IDs",
    "frames a second",
    "composition",
    "encoder, detector, head, decoder: ms a frame",
)
_STAGES = ("encode", "detect", "head", "decode")
_SCRIPTS = Path(__file__).parent


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    parser.add_argument("--still", type=Path, required=True, help="video of a still camera")
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--encoder-weights", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--plot-reuse", type=Path, metavar="F")
    arguments = parser.parse_args()
    whole_program(arguments)
    head_step(arguments.rounds)
    token_reuse(arguments)


def whole_program(arguments: argparse.Namespace) -> None:
    """`vidcache run` against the composition."""
    print(f"| {' | '.join(_COLUMNS)} |")
    print(f"| --- |{' ---: |' * (len(_COLUMNS) - 1)}", flush=True)
    for video in (*arguments.videos, arguments.still):
        flags = ("--reuse",) if video == arguments.still else ()
        job = Job(
            video, arguments.detector, encoder_weights=arguments.encoder_weights,
            num_frames=arguments.frames, num_rounds=arguments.rounds, flags=flags,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            figures = compare(job, Path(folder)).to_dict()
        print(row(" ".join([video.stem, *flags]), figures), flush=True)


def row(name: str, figures: dict[str, Any]) -> str:
    """The figures of one video."""
    turns = ", ".join(f"{ratio:.2f}" for ratio in figures["ratios"])
    stages = ", ".join(f"{figures['stages'][stage]:.0f}" for stage in _STAGES)
    cells = [
        name,
        f"{figures['ratio']:.2f} ({turns})",
        f"{100 * figures['agreement']:.1f} %",
        f"{figures['box_agreement']:.2f}",
        f"{figures['id_agreement']:.2f}",
        f"{figures['fps']:.1f}",
        f"{figures['peer_fps']:.1f}",
        stages,
    ]
    return f"| {' | '.join(cells)} |"


def head_step(rounds: int) -> None:
    """A step of the head, on one thread."""
    print(flush=True)
    options = ["--streams", "1,8", "--windows", "64,256,1024", "--threads", "1"]
    call = "from vidcache.cli import main; main()"
    command = [sys.executable, "-c", call, "bench", "head", *options]
    subprocess.run([*command, "--rounds", str(10 * rounds)], check=True)


def token_reuse(arguments: argparse.Namespace) -> None:
    """Token reuse on the still camera's video and on the others."""
    print(flush=True)
    command = [sys.executable, str(_SCRIPTS / "eval_token_reuse.py"), str(arguments.still)]
    command += [*map(str, arguments.videos), "--encoder-weights", str(arguments.encoder_weights)]
    command += ["--frames", str(arguments.frames)]
    if arguments.plot_reuse:
        command += ["--plot", str(arguments.plot_reuse)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
