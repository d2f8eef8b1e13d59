"""``vidcache bench pipeline``: the whole program against what a user would compose today."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcache.cli.console import show_message
from vidcache.cli.json_file import write_json
from vidcache.cli.options import DebugFlag
from vidcache.cli.table import print_table
from vidcache.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vidcache.bench.profile import Profile

__all__ = ["bench_pipeline"]

_MIB = 1 << 20
_NUM_PLACES = 15


def bench_pipeline(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="File that both watch.")],
    detector: Annotated[
        Path, typer.Option("--detector", metavar="PATH", help="Model that Ultralytics loads.")
    ],
    encoder: Annotated[
        str, typer.Option("--encoder", metavar="NAME", help="A ViT of timm.")
    ] = "vit_small_patch14_dinov2",
    encoder_weights: Annotated[
        Path | None,
        typer.Option("--encoder-weights", metavar="PATH", help="Its weights. [default: random]"),
    ] = None,
    image_size: Annotated[int, typer.Option(help="Side of the encoder's picture.")] = 224,
    window: Annotated[int, typer.Option(help="Frames that the head sees.")] = 64,
    frames: Annotated[int, typer.Option("--frames", metavar="N", help="Frames at most.")] = 300,
    reuse: Annotated[
        bool, typer.Option("--reuse", help="Let vidcache encode only what changed.")
    ] = False,
    rounds: Annotated[int, typer.Option(help="Turns of both.")] = 3,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the figures here.")
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile", metavar="OUT", help="Say where the time goes; write py-spy's stacks here."
        ),
    ] = None,
    debug: DebugFlag = False,
) -> int:
    """Compares `vidcache run` with cv2 + timm + transformers' cache + Ultralytics, in turns.

    Both run in processes of their own, with the same weights and an untrained 4x4 head.
    """
    for path in (video, detector, *([encoder_weights] if encoder_weights else [])):
        if not path.is_file():
            raise ConfigError(f"{path} is no file: give the path of one that is there")
    from vidcache.bench.pipeline import Job, compare, profile_run

    job = Job(
        video=video, detector=detector, encoder=encoder, encoder_weights=encoder_weights,
        image_size=image_size, window=window, num_frames=frames, num_rounds=rounds,
        flags=("--reuse",) if reuse else (),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        figures = compare(job, Path(folder)).to_dict()
        _print(figures)
        if profile is not None:
            _print_profile(profile_run(job, Path(folder), profile))
            show_message(f"wrote {profile}")
    if json_path is not None:
        write_json(json_path, figures)
        show_message(f"wrote {json_path}")
    return 0


def _print(figures: Mapping[str, Any]) -> None:
    turns = ", ".join(f"{ratio:.2f}" for ratio in figures["ratios"])
    print(f"ratio {figures['ratio']:.2f} (turns: {turns}) over {figures['frames']} frames")
    print(
        f"the same best label in {100 * figures['agreement']:.1f} % of the frames "
        f"({figures['labels_seen']} labels are seen); F1 of boxes {figures['box_agreement']:.3f}, "
        f"of object numbers {figures['id_agreement']:.3f}\n"
    )
    rows = [
        ("frames a second", figures["fps"], figures["peer_fps"], ".2f"),
        ("processor time, s", figures["cpu_seconds"], figures["peer_cpu_seconds"], ".1f"),
        ("whole process, s", figures["whole_seconds"], figures["peer_whole_seconds"], ".1f"),
        ("peak MiB", figures["peak_bytes"] / _MIB, figures["peer_peak_bytes"] / _MIB, ".0f"),
    ]
    print_table(
        ("", "vidcache", "composition"),
        [(name, f"{one:{form}}", f"{other:{form}}") for name, one, other, form in rows],
    )
    print("\nstages, ms a frame (those of vidcache run beside each other)\n")
    ours, peers = figures["stages"], figures["peer_stages"]
    print_table(
        ("", "vidcache", "share", "composition", "share"),
        [
            (name, *_stage(ours, name), *_stage(peers, name))
            for name in dict.fromkeys((*peers, *ours))
        ],
    )


def _print_profile(profile: Profile) -> None:
    print(f"\nwhere vidcache's time goes, of {profile.num_samples} looks at busy threads\n")
    print_table(("thread", "share"), _shares(profile.threads))
    print()
    print_table(("place", "share"), _shares(profile.places[:_NUM_PLACES]))


def _shares(of: Sequence[tuple[str, float]]) -> list[tuple[str, str]]:
    return [(name, f"{100 * share:.1f} %") for name, share in of if share >= 0.001]


def _stage(stages: Mapping[str, float], name: str) -> tuple[str, str]:
    if name not in stages:
        return "-", "-"
    return f"{stages[name]:.1f}", f"{100 * stages[name] / sum(stages.values()):.0f} %"
