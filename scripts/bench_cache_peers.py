# pyright: basic
"""Compares append + attend of one layer with what other libraries offer for it.

    python scripts/bench_cache_peers.py [--windows 64,256,1024,4096] [--streams 1,16]

What it compares with is in the extra: pip install 'vidcache[bench]'.

An attention layer of 8 heads of 64, fp32, at a full window: each call takes the query, key and
value of one new frame a stream, makes key and value history, and returns what the query gets from
the window. Nothing else is measured: no projections, no rotation, no network. A step calls the
layers of a trunk one after the other, each with a cache of its own; figures are those of one layer.

* dense, paged: as a camera head does it in every lane, `FrameAttention.attend` on the storage of a
  `HeadState`: the frame is written into its slot, then attended with the others. Which slot that is
  is decided once a step for all lanes; that work, with the mask and the commit, is the column
  "slot table". The last column adds each layer's share of it to the layer's time. (The trunk of
  the default head is passed four times a step, so its share is a quarter of what is added here.)
* transformers: `update` of its dynamic and its static sliding layer, then PyTorch's attention.
* continual-inference: the attention step of its `SingleOutputMultiheadAttention`.
* attention alone: PyTorch's attention to a window that is there already, with nothing appended: no
  cache can be faster than that.

All begin with the same frames and must give the same numbers. They are called in turns, so that
they share whatever else the machine does; printed are medians.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vidcache import CameraHead, HeadConfig, SlidingWindow
from vidcache.head.attention import FrameAttention

NUM_HEADS, HEAD_DIM = 8, 64
PEERS = ("transformers dynamic", "transformers static", "continual-inference")
STEPS_A_TURN, WARM_UP_TURNS, LEAST_TURNS, BLOCK_SIZE = 3, 2, 5, 16

Frame = tuple[Tensor, Tensor, Tensor]


class Ours:
    """The lanes of a head's state."""

    def __init__(self, window: int, streams: int, layers: int, *, paged: bool) -> None:
        self.config = HeadConfig(
            in_features=8,
            width=NUM_HEADS * HEAD_DIM,
            depth=layers,
            num_heads=NUM_HEADS,
            num_iterations=1,
            num_outputs=1,
            eviction=SlidingWindow(window),
            positions="none",
            # The peers cannot roll back.
            rollback_margin=0,
        )
        head, options = CameraHead(self.config), {}
        if paged:
            from vidcache import BlockPool

            frame_bytes = self.config.predict_nbytes(1) // window
            blocks = streams * (window // BLOCK_SIZE + 2)
            budget = blocks * BLOCK_SIZE * frame_bytes
            options["pool"] = BlockPool(self.config, budget_bytes=budget, block_size=BLOCK_SIZE)
        self.state = head.init_state(streams, **options)
        self.table_seconds = 0.0

    def fill(self, keys: Tensor, values: Tensor) -> None:
        """Makes a whole window of frames history, (B, nh, W, hd) each."""
        slots, storage = self.state.slots, self.state.storage
        plan = slots.plan(slots.next_times(keys.shape[2], None))
        place = storage.place(plan.slots)
        for lane in range(self.config.depth):
            storage.write_chunk(lane, place, keys, values)
        slots.commit(plan)

    def step(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Makes one frame history and attends; all (B, nh, 1, hd)."""
        start = time.perf_counter()
        plan = self.state.slots.plan(self.state.slots.next_times(1, None))
        attention = FrameAttention(self.config, self.state, plan, None)
        planned = time.perf_counter()
        for layer in range(self.config.depth):
            query = attention.attend(0, layer, query, key, value)
        attended = time.perf_counter()
        attention.commit()
        self.table_seconds += planned - start + time.perf_counter() - attended
        return query


class Transformers:
    """Sliding layers of transformers' caches."""

    def __init__(self, window: int, layers: int, *, static: bool) -> None:
        from transformers.cache_utils import DynamicSlidingWindowLayer, StaticSlidingWindowLayer

        self.layers = [
            StaticSlidingWindowLayer(max_cache_len=window, sliding_window=window)
            if static
            else DynamicSlidingWindowLayer(sliding_window=window)
            for _ in range(layers)
        ]

    def fill(self, keys: Tensor, values: Tensor) -> None:
        """Makes a whole window of frames history, (B, nh, W, hd) each."""
        for layer in self.layers:
            layer.update(keys, values)

    def step(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Makes one frame history and attends; all (B, nh, 1, hd)."""
        for layer in self.layers:
            keys, values = layer.update(key, value)
            query = scaled_dot_product_attention(query, keys, values)
        return query


class ContinualInference:
    """The attention step of continual-inference, without the projections around it."""

    def __init__(self, layers: int) -> None:
        from continual.multihead_attention import single_output_mha

        self.attend = single_output_mha._scaled_dot_product_attention_step
        self.memories = [()] * layers

    def fill(self, keys: Tensor, values: Tensor) -> None:
        """Makes a whole window of frames history, (B, nh, W, hd) each."""
        keys, values = keys.flatten(0, 1), values.flatten(0, 1)
        queries = keys.new_empty(len(keys), 0, HEAD_DIM)
        for layer in range(len(self.memories)):
            self.memories[layer] = (queries, keys.transpose(1, 2).contiguous(), values.clone())

    def step(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Makes one frame history and attends; all (B, nh, 1, hd)."""
        shape = query.shape
        query, key, value = (part.reshape(-1, HEAD_DIM) for part in (query, key, value))
        for layer, memory in enumerate(self.memories):
            out, self.memories[layer] = self.attend(memory, query, key, value)
            query = out[:, 0]
        return query.view(shape)


class AttentionAlone:
    """Attention to windows that never change."""

    def __init__(self, layers: int) -> None:
        self.windows = [()] * layers

    def fill(self, keys: Tensor, values: Tensor) -> None:
        """Takes the windows, (B, nh, W, hd) each."""
        self.windows = [(keys.clone(), values.clone()) for _ in self.windows]

    def step(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attends, (B, nh, 1, hd)."""
        for keys, values in self.windows:
            query = scaled_dot_product_attention(query, keys, values)
        return query


def rivals(window: int, streams: int, layers: int, missing: dict[str, str]) -> dict:
    """Everything that can be measured here, by name; what cannot is noted with its reason."""
    makers: dict[str, Callable] = {
        "dense": lambda: Ours(window, streams, layers, paged=False),
        "paged": lambda: Ours(window, streams, layers, paged=True),
        "transformers dynamic": lambda: Transformers(window, layers, static=False),
        "transformers static": lambda: Transformers(window, layers, static=True),
        "continual-inference": lambda: ContinualInference(layers),
        "attention alone": lambda: AttentionAlone(layers),
    }
    made = {}
    for name, make in makers.items():
        try:
            made[name] = make()
        except ImportError as error:
            missing[name] = str(error)
    return made


def frames(streams: int) -> Iterator[Frame]:
    """Queries, keys and values of frames without end, (B, nh, 1, hd) each."""
    generator = torch.Generator().manual_seed(1)
    shape = (3, streams, NUM_HEADS, 1, HEAD_DIM)
    while True:
        query, key, value = torch.randn(shape, generator=generator)
        yield query, key, value


def require_equal(made: dict, streams: int) -> None:
    """Steps everything on the same frames and compares what comes out."""
    source = frames(streams)
    for _ in range(3):
        frame = next(source)
        outputs = {name: rival.step(*frame) for name, rival in made.items()}
        for name in made.keys() - {"attention alone"}:
            output = outputs[name]
            difference = float((output - outputs["dense"]).abs().max())
            if difference > 1e-5:
                raise SystemExit(f"{name} and dense differ by {difference:.1e}")


def measure(window: int, streams: int, options: argparse.Namespace, missing: dict) -> dict:
    """Median microseconds a layer, by name, and of the slot table of a dense state a step."""
    made = rivals(window, streams, options.layers, missing)
    generator = torch.Generator().manual_seed(0)
    shape = (2, streams, NUM_HEADS, window, HEAD_DIM)
    history = torch.randn(shape, generator=generator)
    for rival in made.values():
        rival.fill(*history)
    del history
    require_equal(made, streams)
    turn = [frame for frame, _ in zip(frames(streams), range(STEPS_A_TURN), strict=False)]
    times: dict[str, list[float]] = {name: [] for name in (*made, "slot table")}
    began = time.perf_counter()
    for number in range(options.rounds + WARM_UP_TURNS):
        late = time.perf_counter() - began > options.seconds
        if late and number >= LEAST_TURNS + WARM_UP_TURNS:
            break
        for name, rival in made.items():
            table_before = getattr(rival, "table_seconds", 0.0)
            start = time.perf_counter()
            for frame in turn:
                rival.step(*frame)
            seconds = time.perf_counter() - start
            table = getattr(rival, "table_seconds", 0.0) - table_before
            if number >= WARM_UP_TURNS:
                times[name].append((seconds - table) / STEPS_A_TURN / options.layers)
                if name == "dense":
                    times["slot table"].append(table / STEPS_A_TURN)
    medians = {name: 1e6 * statistics.median(values) for name, values in times.items()}
    return {
        "streams": streams,
        "window": window,
        "layers": options.layers,
        "turns": len(times["dense"]),
        "microseconds": medians,
    }


def row(result: dict) -> str:
    """One row of the table."""
    times = result["microseconds"]
    cells = [f"{result['streams']}", f"{result['window']}"]
    for name in ("dense", "paged", *PEERS):
        cells.append(f"{times[name]:.0f}" if name in times else "–")
    best = min((times[name] for name in PEERS if name in times), default=math.nan)
    whole = times["dense"] + times["slot table"] / result["layers"]
    cells += [f"{best / times['dense']:.2f}", f"{best / times.get('paged', math.nan):.2f}"]
    cells += [f"{times['attention alone']:.0f}", f"{times['slot table']:.0f}"]
    cells.append(f"{best / whole:.2f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measures, and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", default="64,256,512,1024,2048,4096")
    parser.add_argument("--streams", default="1,16")
    parser.add_argument("--layers", type=int, default=4, help="layers of a step")
    parser.add_argument("--rounds", type=int, default=40, help="turns of each")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="fewer turns where they would take longer"
    )
    parser.add_argument("--threads", type=int, default=0, help="0 leaves the choice to PyTorch")
    parser.add_argument("--json", help="file for the figures")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(
        f"One layer of {arguments.layers}, {NUM_HEADS} heads of {HEAD_DIM}, fp32, PyTorch "
        f"{torch.__version__}, {torch.get_num_threads()} thread(s); medians of "
        f"{arguments.rounds} turns, in µs a frame of all streams\n"
    )
    print(
        f"| streams | window | dense | paged | {' | '.join(PEERS)} | best peer / dense "
        "| best peer / paged | attention alone | slot table "
        "| best peer / (dense + share of slot table) |"
    )
    print(f"| {' | '.join(12 * ['---:'])} |")
    results, missing = [], {}
    with torch.no_grad():
        for streams in map(int, arguments.streams.split(",")):
            for window in map(int, arguments.windows.split(",")):
                results.append(measure(window, streams, arguments, missing))
                print(row(results[-1]), flush=True)
    for name, reason in missing.items():
        print(f"\n{name} was left out: {reason}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
