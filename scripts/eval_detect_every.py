"""Prints what it costs to look for objects in some frames only: a Markdown table.

    python scripts/eval_detect_every.py [VIDEO… --detector F] [--streams 4] [--every 1,2,3,5,auto]

On rendered streams, whose true boxes are known, tracks of the bundled detector are judged by HOTA,
MOTA and IDF1 against the truth. On videos they are compared with the tracks that the same detector
and tracker give when they look at every frame, which are no truth: the row `1, shaken` says how far
such tracks are from themselves when every box is moved by a pixel at random. The
whole pipeline runs, as `vidcache run` does: detector time and frames a second are against looking
at every frame.
"""

import argparse
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidcache.config import Config
from vidcache.frames import FrameResult
from vidcache.pipeline import Pipeline, RunSummary
from vidcache.pipeline.loading import load_model
from vidcache.tracking import Detection, UltralyticsDetector, UltralyticsTracker
from vidcache.training.evaluation.tracked_boxes import TrackedBoxes
from vidcache.training.evaluation.tracks import track_quality
from vidcache.training.synthetic import SyntheticStream
from vidcache.training.synthetic.stream import VISIBLE
from vidcache.video import open_source
from vidcache.video.sinks.mp4_writer import Mp4Writer

_SHAKEN = "1, shaken"
_FIRST_SEED = 9100
_RATE = 25.0


@dataclass(frozen=True, eq=False)
class Run:
    """What a run gave.

    Attributes:
        results: Its frames.
        summary: Its figures.
    """

    results: list[FrameResult]
    summary: RunSummary

    @property
    def detect_seconds(self) -> float:
        """Time that the detector took."""
        return self.summary.stages["detect"].total_seconds


class ShakenDetector:
    """A detector whose boxes are moved by a pixel and scores by 0.02, at random.

    Args:
        detector: What finds the boxes.
    """

    def __init__(self, detector: UltralyticsDetector) -> None:
        self._detector = detector
        self.name, self.description = detector.name, f"{detector.description}, shaken"

    def detect(self, image_rgb: np.ndarray) -> tuple[Detection, ...]:
        """Finds the objects of one picture; the same picture is always shaken alike."""
        rng = np.random.default_rng(image_rgb[::16, ::16].ravel())
        found = []
        for one in self._detector.detect(image_rgb):
            box = tuple((np.array(one.box_xyxy) + rng.normal(0, 1, 4)).tolist())
            score = float(np.clip(one.score + rng.normal(0, 0.02), 0.01, 1))
            found.append(dataclasses.replace(one, box_xyxy=box, score=score))
        return tuple(found)


def main() -> None:
    """Runs everything and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", help="files, or lavfi:GRAPH")
    parser.add_argument("--detector", default="auto", help="detector for the videos")
    parser.add_argument("--tracker", default="bytetrack")
    parser.add_argument("--every", default="1,2,3,5,auto")
    parser.add_argument("--streams", type=int, default=4, help="rendered streams; 0 for none")
    parser.add_argument("--frames", type=int, default=250, help="frames of each of them")
    parser.add_argument("--turns", type=int, default=1, help="runs of each; the fastest counts")
    options = parser.parse_args()
    kinds = options.every.split(",")
    if kinds[0] != "1":
        parser.error("--every begins with 1, which the others are compared with")
    print(
        "| video | looks at | share | HOTA | MOTA | IDF1 | switches | detector time | frames/s |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    if options.streams:
        with tempfile.TemporaryDirectory() as folder:
            streams = list(render(Path(folder), options.streams, options.frames))
            judge(f"rendered, {options.streams} streams", streams, "bundled", kinds, options)
    for video in options.videos:
        judge(name_of(video), [(video, None)], options.detector, [_SHAKEN, *kinds], options)


def render(folder: Path, num_streams: int, num_frames: int) -> Iterator[tuple[str, TrackedBoxes]]:
    """Renders test streams with one to four figures, and says where these are."""
    for number in range(num_streams):
        stream = SyntheticStream(
            _FIRST_SEED + number,
            "test",
            size=(640, 360),
            frame_rate=_RATE,
            num_frames=num_frames,
            num_figures=1 + number % 4,
        )
        path = folder / f"{number}.mp4"
        rows: list[tuple[float, ...]] = []
        with Mp4Writer(path, stream.size, _RATE, crf=23) as writer:
            for frame in stream:
                writer.write(frame.image_rgb, frame.seconds)
                for figure in frame.figures:
                    is_seen = float(figure.visibility >= VISIBLE)
                    rows.append((frame.index + 1, figure.id, *figure.box_xyxy, is_seen))
        yield str(path), boxes_of(rows)


def judge(
    name: str,
    videos: Sequence[tuple[str, TrackedBoxes | None]],
    detector: str,
    kinds: Sequence[str],
    options: argparse.Namespace,
) -> None:
    """Prints the rows of videos that are counted together.

    Args:
        name: What they are called.
        videos: Each with its true boxes; None for those of looking at every frame.
        detector: The detector.
        kinds: Which frames are looked at.
        options: Of the command line.
    """
    model = UltralyticsDetector(detector, num_parallel=2)
    runs = {
        kind: [fastest(video, model, kind, options) for video, _ in videos]
        for kind in sorted(kinds, key=lambda kind: kind == _SHAKEN)
    }
    truth = [
        tracked(run.results) if real is None else real
        for run, (_, real) in zip(runs["1"], videos, strict=True)
    ]
    seconds, rate = sum(run.detect_seconds for run in runs["1"]), frame_rate(runs["1"])
    for kind in kinds:
        quality = track_quality(truth, [tracked(run.results) for run in runs[kind]])
        looks = sum(run.summary.num_looks for run in runs[kind])
        share = looks / sum(run.summary.num_frames for run in runs[kind])
        cost = f"{sum(run.detect_seconds for run in runs[kind]) / seconds:.2f}"
        speed = f"{frame_rate(runs[kind]) / rate:.2f}"
        times = ("", "") if kind == _SHAKEN else (cost, speed)
        print(
            f"| {name} | {kind} | {share:.0%} | {quality.hota:.3f} | {quality.mota:.3f} "
            f"| {quality.idf1:.3f} | {quality.num_switches} | {times[0]} | {times[1]} |",
            flush=True,
        )


def fastest(
    video: str, detector: UltralyticsDetector, kind: str, options: argparse.Namespace
) -> Run:
    """Runs the pipeline over a video, several times if asked; all turns say the same."""
    every = 1 if kind == _SHAKEN else kind
    config = Config.model_validate({"track": {"detect_every": every}})
    looks = ShakenDetector(detector) if kind == _SHAKEN else detector
    tracker = UltralyticsTracker(looks, tracker=options.tracker)
    pipeline = Pipeline(load_model(config), tracker, config=config)
    turns = []
    for _ in range(options.turns):
        with open_source(video) as source:
            results = [keep(result) for result in pipeline.run(source)]
        turns.append(Run(results, pipeline.summary))
    return min(turns, key=lambda run: run.summary.seconds)


def keep(result: FrameResult) -> FrameResult:
    """The part of a result that is judged."""
    return dataclasses.replace(result, actions=(), events=())


def frame_rate(runs: Sequence[Run]) -> float:
    """Frames a second of runs one after the other."""
    frames = sum(run.summary.num_frames for run in runs)
    return frames / sum(run.summary.seconds for run in runs)


def tracked(results: Sequence[FrameResult]) -> TrackedBoxes:
    """The boxes of results; objects of another session are others."""
    numbers: dict[tuple[int, int], int] = {}
    rows = [
        (
            result.index + 1,
            numbers.setdefault((result.session, track.id), len(numbers) + 1),
            *track.box_xyxy,
            1.0,
        )
        for result in results
        for track in result.objects
    ]
    return boxes_of(rows)


def boxes_of(rows: Sequence[tuple[float, ...]]) -> TrackedBoxes:
    """Rows of frame, number, box and whether it is to be found."""
    table = np.array(rows, np.float64).reshape(-1, 7)
    counted = table[:, 6] > 0
    frames, ids = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    return TrackedBoxes(frames, ids, table[:, 2:6], counted, ~counted)


def name_of(video: str) -> str:
    """What a video is called in the table: a file's name, or what a graph ends with."""
    return video.rpartition(",")[2] if video.startswith("lavfi:") else Path(video).stem


if __name__ == "__main__":
    main()
