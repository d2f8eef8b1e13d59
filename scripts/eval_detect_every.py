"""Prints what it costs to look for objects in some frames only: a Markdown table.

    python scripts/eval_detect_every.py [VIDEO… --detector F] [--streams 4] [--every 1,2,3,5,auto]

On rendered streams, whose true boxes are known, tracks of the bundled detector are judged by HOTA,
MOTA and IDF1 against the truth. On videos they are compared with the tracks that the same detector
and tracker give when they look at every frame, which are no truth: the row `1, shaken` says how far
such tracks are from themselves when every box is moved by a pixel at random. The pipeline runs as
`vidcache run` does, on what the detector saw in a first pass. With `--timed N` the first N frames
are then watched with the detector itself, and the detector's time, the processor time of everything
and the frames a second are put beside those of looking at every frame; the processor time is the
one that other work on the machine disturbs least.
"""

import argparse
import dataclasses
import hashlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidcache.config import Config
from vidcache.frames import FrameResult
from vidcache.pipeline import Pipeline, RunSummary
from vidcache.pipeline.loading import load_model
from vidcache.tracking import Detection, Detector, UltralyticsDetector, UltralyticsTracker
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
        processor_seconds: Time of all its threads.
    """

    results: list[FrameResult]
    summary: RunSummary
    processor_seconds: float


class RememberingDetector:
    """A detector that looks at a picture once, and then knows what it saw.

    Args:
        detector: What finds the boxes.
        seen: What is known already, by picture.
        shaken: Whether boxes are moved by a pixel and scores by 0.02, at random.
    """

    def __init__(
        self,
        detector: UltralyticsDetector,
        seen: dict[bytes, tuple[Detection, ...]],
        *,
        shaken: bool = False,
    ) -> None:
        self._detector, self._seen, self._shaken = detector, seen, shaken
        self.name, self.description = detector.name, detector.description

    def detect(self, image_rgb: np.ndarray) -> tuple[Detection, ...]:
        """Finds the objects of one picture; the same picture is always shaken alike."""
        key = hashlib.blake2b(image_rgb.tobytes(), digest_size=16).digest()
        if key not in self._seen:
            self._seen[key] = self._detector.detect(image_rgb)
        found = self._seen[key]
        rng = np.random.default_rng(list(key))
        return tuple(_shake(one, rng) for one in found) if self._shaken else found


def _shake(one: Detection, rng: np.random.Generator) -> Detection:
    left, top, right, bottom = (np.array(one.box_xyxy) + rng.normal(0, 1, 4)).tolist()
    score = float(np.clip(one.score + rng.normal(0, 0.02), 0.01, 1))
    return dataclasses.replace(one, box_xyxy=(left, top, right, bottom), score=score)


def main() -> None:
    """Runs everything and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", help="files, or lavfi:GRAPH")
    parser.add_argument("--detector", default="auto", help="detector for the videos")
    parser.add_argument("--tracker", default="bytetrack")
    parser.add_argument("--every", default="1,2,3,5,auto")
    parser.add_argument("--streams", type=int, default=4, help="rendered streams; 0 for none")
    parser.add_argument("--frames", type=int, default=250, help="frames of each stream and video")
    parser.add_argument("--timed", type=int, default=0, help="frames of each that are timed")
    options = parser.parse_args()
    kinds = options.every.split(",")
    if kinds[0] != "1":
        parser.error("--every begins with 1, which the others are compared with")
    print(
        "| video | looks at | share | HOTA | MOTA | IDF1 | switches | detector time "
        "| processor time | frames/s |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    if options.streams:
        with tempfile.TemporaryDirectory() as folder:
            streams = list(render(Path(folder), options.streams, options.frames))
            judge(f"rendered, {options.streams} streams", streams, "bundled", kinds, options)
    for video in options.videos:
        judge(
            name_of(video),
            [(video, None)],
            options.detector,
            [kinds[0], _SHAKEN, *kinds[1:]],
            options,
        )


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
    seen: dict[bytes, tuple[Detection, ...]] = {}
    # What every frame shows is seen first, so that no other row has to look.
    runs: dict[str, list[Run]] = {}
    for kind in sorted(kinds, key=lambda kind: kind != "1"):
        known = RememberingDetector(model, seen, shaken=kind == _SHAKEN)
        runs[kind] = [watch(video, known, kind, options.frames, options) for video, _ in videos]
    truth = [
        tracked(run.results) if real is None else real
        for run, (_, real) in zip(runs["1"], videos, strict=True)
    ]
    base: list[float] = []
    for kind in kinds:
        quality = track_quality(truth, [tracked(run.results) for run in runs[kind]])
        looks = sum(run.summary.num_looks for run in runs[kind])
        share = looks / sum(run.summary.num_frames for run in runs[kind])
        times = ["", "", ""]
        if options.timed and kind != _SHAKEN:
            timed = watch(videos[0][0], model, kind, options.timed, options)
            detect = timed.summary.stages["detect"].total_seconds
            now = [detect, timed.processor_seconds, timed.summary.fps]
            base = base or now
            times = [f"{one / other:.2f}" for one, other in zip(now, base, strict=True)]
        print(
            f"| {name} | {kind} | {share:.0%} | {quality.hota:.3f} | {quality.mota:.3f} "
            f"| {quality.idf1:.3f} | {quality.num_switches} | {' | '.join(times)} |",
            flush=True,
        )


def watch(
    video: str, detector: Detector, kind: str, max_frames: int, options: argparse.Namespace
) -> Run:
    """Runs the pipeline over the beginning of a video."""
    every = 1 if kind == _SHAKEN else kind
    config = Config.model_validate({"track": {"detect_every": every}})
    tracker = UltralyticsTracker(detector, tracker=options.tracker)
    pipeline = Pipeline(load_model(config), tracker, config=config)
    with open_source(video) as source:
        start = time.process_time()
        results = [keep(result) for result in pipeline.run(source, max_frames=max_frames)]
        seconds = time.process_time() - start
    return Run(results, pipeline.summary, seconds)


def keep(result: FrameResult) -> FrameResult:
    """The part of a result that is judged."""
    return dataclasses.replace(result, actions=(), events=())


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
