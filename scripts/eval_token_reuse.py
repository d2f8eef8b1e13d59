"""What token reuse saves and what it costs, gate by gate: a table, and a picture with --plot.

    python scripts/eval_token_reuse.py VIDEO… [--encoder NAME --encoder-weights F --image-size N]
        [--frames N] [--gates 0.1,0.2,0.4] [--refresh 32] [--plot F.png]

Dense and reusing encoders see the same frames in groups of eight on one thread, in turns, and the
encoders' processor time is compared. How far features are from the dense ones is put beside how far
those of neighbouring frames are apart. Labels are those of untrained heads (4 passes, depth 4,
window 64) with several seeds: such a head has no margins, so what changes here is more than what
changes with a trained one, whose labels can be had with --model.
"""

import argparse
import statistics
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from vidcache import ActionModel, CameraHead, FrameEncoder, HeadConfig, SlidingWindow, open_source
from vidcache.config import REFRESH_EVERY
from vidcache.encoder import ReuseState, ReusingEncoder
from vidcache.frames import Frame

_GROUP = 8
_SEEDS = 20


@dataclass(frozen=True)
class Row:
    """What one gate did on one video."""

    video: str
    gate: float
    ratio: float
    share: float
    error: float
    between: float
    changed: float


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", default=["sample_videos/actions.mp4"])
    parser.add_argument("--model", help="action model whose encoder and head are judged")
    parser.add_argument("--encoder", default="vit_small_patch14_dinov2")
    parser.add_argument("--encoder-weights", type=Path)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--gates", default="0.05,0.12,0.2,0.4")
    parser.add_argument("--refresh", type=int, default=REFRESH_EVERY)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    if arguments.model:
        model = ActionModel.load(arguments.model, engine=arguments.engine)
        encoder, heads = model.encoder, [model.head]
    else:
        encoder = FrameEncoder(
            arguments.encoder, arguments.encoder_weights, image_size=arguments.image_size,
            engine=arguments.engine,
        ).eval()  # fmt: skip
        heads = [untrained_head(encoder.num_features, seed) for seed in range(_SEEDS)]
    print(f"{encoder.description}; refresh every {arguments.refresh} frames\n")
    print(
        "| video | gate | dense / reusing, time | tokens computed | error of features "
        "| change between frames | labels changed |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    rows: list[Row] = []
    for video in arguments.videos:
        images = read(video, arguments.frames)
        for gate in map(float, arguments.gates.split(",")):
            reusing = ReusingEncoder(encoder, gate=gate, refresh_every=arguments.refresh)
            rows.append(judge(Path(video).stem, images, encoder, reusing, gate, heads))
            row = rows[-1]
            print(
                f"| {row.video} | {gate:g} | {row.ratio:.2f} | {100 * row.share:.0f} % "
                f"| {row.error:.3f} | {row.between:.3f} | {100 * row.changed:.1f} % |",
                flush=True,
            )
    if arguments.plot:
        draw(rows, arguments.plot)


def untrained_head(width: int, seed: int) -> CameraHead:
    """A head as `vidcache bench pipeline` has, with another seed."""
    torch.manual_seed(seed)
    config = HeadConfig(
        in_features=width, width=width, depth=4, num_heads=max(1, width // 64), num_iterations=4,
        num_outputs=16, layer_scale=1.0, eviction=SlidingWindow(64),
    )  # fmt: skip
    return CameraHead(config).eval()


def read(video: str, num_frames: int) -> list:
    """The first pictures of a video, as many as make whole groups."""
    images = []
    with open_source(video) as source:
        items = iter(lambda: source.poll(5), None)
        images = [item.image_rgb for item in islice(frames_of(items), num_frames)]
    return images[: len(images) // _GROUP * _GROUP]


def frames_of(items):
    """The frames among what a source gives."""
    return (item for item in items if isinstance(item, Frame))


def judge(video, images, encoder, reusing, gate, heads) -> Row:
    """Encodes a video both ways, in turns."""
    state = ReuseState()
    exact, found, times = [], [], ([], [])
    encoder(images[:_GROUP])
    reusing([images[:_GROUP]], [ReuseState()])
    for at in range(0, len(images), _GROUP):
        group = images[at : at + _GROUP]
        start = time.process_time()
        exact.append(encoder(group))
        middle = time.process_time()
        found += reusing([group], [state])
        times[0].append(middle - start)
        times[1].append(time.process_time() - middle)
    dense, reused = torch.cat(exact), torch.cat(found)
    changed = []
    for head in heads:
        if head.config.num_tokens == 1 and dense.shape[1] > 1:
            dense, reused = dense.flatten(1)[:, None], reused.flatten(1)[:, None]
        seconds = None
        if head.config.needs_seconds:
            seconds = torch.arange(len(dense), dtype=torch.float64)[None] / 25
        labels = [head(part[None], seconds).prediction[0].argmax(-1) for part in (dense, reused)]
        changed.append(float((labels[0] != labels[1]).float().mean()))
    return Row(
        video,
        gate,
        sum(times[0]) / sum(times[1]),
        state.share,
        distance(reused, dense),
        distance(dense[1:], dense[:-1]),
        statistics.mean(changed),
    )


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Mean relative distance of the frames' first tokens."""
    gap = (one[:, 0] - other[:, 0]).norm(dim=-1) / other[:, 0].norm(dim=-1)
    return float(gap.mean())


def draw(rows: list[Row], path: Path) -> None:
    """Error of features and changed labels over the time that is saved; a line a video."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for video in dict.fromkeys(row.video for row in rows):
        mine = [row for row in rows if row.video == video]
        ratios = [row.ratio for row in mine]
        (line,) = left.plot(ratios, [row.error for row in mine], "o-", label=video)
        left.axhline(mine[0].between, color=line.get_color(), linestyle=":", linewidth=1)
        right.plot(ratios, [100 * row.changed for row in mine], "o-", color=line.get_color())
        for row in mine:
            left.annotate(
                f"{row.gate:g}", (row.ratio, row.error), fontsize=8,
                xytext=(4, 4), textcoords="offset points",
            )  # fmt: skip
    left.set_ylabel("relative error of features")
    left.set_title("dots: gates; dotted: change between frames", fontsize=9)
    right.set_ylabel("labels changed, %")
    right.set_title("untrained or given heads, mean", fontsize=9)
    for axis in (left, right):
        axis.set_xlabel("times less encoder time than dense")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
