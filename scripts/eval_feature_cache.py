"""What the feature cache costs and saves, and what near pictures change: two tables.

    python scripts/eval_feature_cache.py VIDEO… [--model NAME|PATH] [--frames N] [--engine E]
        [--near 0.5,1,2,4] [--rounds N]

Encoders see the same frames in groups of eight on one thread, in turns, and their processor time is
compared: without a cache, with one that knows nothing yet, with one that knows all in memory, and
with one that knows all on disk. Whole runs (no detector, decoding included) are timed by the clock:
one without a cache against a second one with a folder that the first has filled. Labels are those
of the model's own head.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from eval_token_reuse import distance, read

from vidcache import ActionModel, Config, Pipeline, open_source
from vidcache.encoder.features import CachedStream, CachingEncoder, FeatureCache

_GROUP = 8
_MEMORY_BYTES = 64_000_000
_COLUMNS = ("new pictures", "known in memory", "known on disk")


def main() -> None:
    """Measures and prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", default=["sample_videos/actions.mp4"])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--near", default="0.5,1,2,4")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    num_threads = torch.get_num_threads()
    model = ActionModel.load(arguments.model, engine=arguments.engine)
    print(f"{model.encoder.description}\n")
    films = {Path(video).stem: video for video in arguments.videos}
    print(f"| video | {' | '.join(_COLUMNS)} | whole run, second / without |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, video in films.items():
        torch.set_num_threads(1)
        shares = compare(model, read(video, arguments.frames), arguments.rounds)
        torch.set_num_threads(num_threads)
        gain = time_runs(model, video, arguments)
        cells = " | ".join(f"{share:.2f}" for share in shares)
        print(f"| {name} | {cells} | {gain:.2f} |", flush=True)
    torch.set_num_threads(1)
    print("\n| video | near_duplicate | near | time | error of features | labels changed |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, video in films.items():
        images = read(video, arguments.frames)
        for threshold in map(float, arguments.near.split(",")):
            near, share, error, changed = judge(model, images, threshold)
            print(
                f"| {name} | {threshold:g} | {100 * near:.0f} % | {share:.2f} | {error:.3f} "
                f"| {100 * changed:.1f} % |",
                flush=True,
            )


def compare(model: ActionModel, images: list, num_rounds: int) -> list[float]:
    """Processor time with the cache as a share of that without, for `_COLUMNS`; medians."""
    rounds = []
    for _ in range(num_rounds):
        with tempfile.TemporaryDirectory() as folder:
            new = CachingEncoder(model.encoder, FeatureCache(_MEMORY_BYTES, folder))
            encode_plainly(model, images[:_GROUP])
            times = [0.0] * 4
            for at in range(0, len(images), _GROUP):
                group = images[at : at + _GROUP]
                times[0] += timed(encode_plainly, model, group)
                times[1] += timed(new, [group], [CachedStream()])
                times[2] += timed(new, [group], [CachedStream()])
                disk = CachingEncoder(model.encoder, FeatureCache(0, folder))
                stream = CachedStream()
                times[3] += timed(disk, [group], [stream])
                assert stream.num_hits == len(group), "the folder was filled just before"
            rounds.append([one / times[0] for one in times[1:]])
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def encode_plainly(model: ActionModel, images: list) -> torch.Tensor:
    """What a run without a cache does: one picture after the other."""
    return torch.cat([model.encode([image]) for image in images])


def timed(work, *arguments) -> float:
    """Processor time of a call."""
    start = time.process_time()
    work(*arguments)
    return time.process_time() - start


def time_runs(model: ActionModel, video: str, arguments: argparse.Namespace) -> float:
    """How many times as fast a second run is as one without a cache; the median of turns."""
    config = Config(detector="none", max_frames=arguments.frames)
    with tempfile.TemporaryDirectory() as folder:
        run(Pipeline(model, config=config, feature_cache=FeatureCache(0, folder)), video)
        gains = []
        for _ in range(arguments.rounds):
            without = run(Pipeline(model, config=config), video)
            second = Pipeline(model, config=config, feature_cache=FeatureCache(0, folder))
            gains.append(without / run(second, video))
            assert second.summary.cache["features"]["hit_rate"] == 1, "the first run filled it"
    return statistics.median(gains)


def run(pipeline: Pipeline, video: str) -> float:
    """Seconds that a run takes."""
    with open_source(video) as source:
        start = time.perf_counter()
        for _ in pipeline.run(source):
            pass
        return time.perf_counter() - start


def judge(model: ActionModel, images: list, threshold: float) -> tuple[float, float, float, float]:
    """Share of near pictures, of the time, error of features, share of labels that changed."""
    caching = CachingEncoder(model.encoder, FeatureCache(0), near_duplicate=threshold)
    stream, exact, found, times = CachedStream(), [], [], [0.0, 0.0]
    encode_plainly(model, images[:_GROUP])
    for at in range(0, len(images), _GROUP):
        group = images[at : at + _GROUP]
        start = time.process_time()
        exact.append(encode_plainly(model, group))
        middle = time.process_time()
        found += caching([group], [stream])
        times[0] += middle - start
        times[1] += time.process_time() - middle
    plain, near = torch.cat(exact), torch.cat(found)
    seconds = torch.arange(len(plain), dtype=torch.float64)[None] / 25
    labels = [model(part[None], seconds)[0].argmax(-1) for part in (plain, near)]
    changed = float((labels[0] != labels[1]).float().mean())
    return stream.num_near / len(images), times[1] / times[0], distance(near, plain), changed


if __name__ == "__main__":
    main()
