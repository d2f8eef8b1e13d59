"""Damaged pictures stay out of the memory: what comes after them is labelled as if they never were.

Three packets in a hundred of a real encode have bits turned. The frames that are not tainted must
be labelled to the bit as those of the clean stream with the damaged span left out.
"""

import dataclasses
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fault_lab import Damage, FaultyLink, RtspServer, write_clip
from fault_lab.damage import flip_bits
from in_memory import ListSource

from vidcache import ActionModel, Config, Pipeline, TimeWindow
from vidcache.frames import Frame, FrameResult
from vidcache.video import open_source

RATE = 25
SHARE = 0.03
# A decoder notices damage by what comes after it: H.264 has no checksums. In a picture like this
# it always does; in the small blocks of a synthetic test picture often not.
SHOWING = Path(__file__).parents[2] / "sample_videos" / "actions.mp4"


def damage_file(path: Path, out: Path, seed: int) -> int:
    """Copies a video and turns bits in some of its packets; how many were hit."""
    generator, num_hit = random.Random(seed), 0
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is None:
                continue
            copy = packet
            # The first picture stays whole: without it nothing would be seen for a second.
            if packet.pts and generator.random() < SHARE:
                copy = av.Packet(flip_bits(bytes(packet), 8, generator))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.duration, copy.is_keyframe = packet.duration, packet.is_keyframe
                num_hit += 1
            copy.stream = stream
            target.mux(copy)
    return num_hit


def read(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source)


def is_tainted(frame: Frame) -> bool:
    return "tainted" in frame.flags


def label(model: ActionModel, frames: Iterable[Frame]) -> dict[float, FrameResult]:
    """Results by presentation time; one frame at a time, so that sums round alike."""
    pipeline = Pipeline(model, config=Config(batch=1))
    return {result.pts_seconds: result for result in pipeline.run(ListSource(frames))}


def same_picture(one: Frame, other: Frame) -> bool:
    return np.array_equal(one.image_rgb, other.image_rgb)


@pytest.fixture(scope="module")
def clean_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clean") / "clip.mp4"
    return write_clip(path, showing=SHOWING, seconds=7.0, rate=RATE, gop=25, size=(320, 180))


@pytest.fixture(scope="module", params=[1, 2])
def damaged(
    request: pytest.FixtureRequest, clean_clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("damaged") / f"{request.param}.mp4"
    assert damage_file(clean_clip, out, seed=request.param) >= 3
    return out


@pytest.fixture(params=["frames", "seconds"])
def model(request: pytest.FixtureRequest, small_model: Any) -> ActionModel:
    """A memory that counts frames, and one that counts seconds."""
    if request.param == "frames":
        return small_model
    config = small_model.config
    head = dataclasses.replace(config.head, eviction=TimeWindow(0.5, 16))
    timed = ActionModel(dataclasses.replace(config, head=head), precision="fp32")
    timed.load_state_dict(small_model.state_dict())
    return timed


def test_every_picture_that_is_not_tainted_is_as_it_was_sent(
    clean_clip: Path, damaged: Path
) -> None:
    clean = {frame.pts_seconds: frame for frame in read(clean_clip)}
    frames = read(damaged)
    spoilt = [frame for frame in frames if not same_picture(frame, clean[frame.pts_seconds])]
    assert spoilt
    assert all(is_tainted(frame) for frame in spoilt)
    # And most of the stream is not thrown away with them.
    assert sum(not is_tainted(frame) for frame in frames) > 0.4 * len(frames)


def test_labels_equal_those_of_the_clean_stream_without_the_damaged_span(
    clean_clip: Path, damaged: Path, model: ActionModel
) -> None:
    frames = read(damaged)
    kept = {frame.pts_seconds for frame in frames if not is_tainted(frame)}
    results = label(model, frames)
    expected = label(model, [frame for frame in read(clean_clip) if frame.pts_seconds in kept])
    assert len(expected) == len(kept) > 50
    for pts_seconds in kept:
        assert results[pts_seconds].actions == expected[pts_seconds].actions
        assert results[pts_seconds].action == expected[pts_seconds].action


def test_without_the_taint_frames_after_the_next_key_frame_are_labelled_otherwise(
    clean_clip: Path, damaged: Path, model: ActionModel
) -> None:
    frames = read(damaged)
    kept = {frame.pts_seconds for frame in frames if not is_tainted(frame)}
    clean = [frame for frame in read(clean_clip) if frame.pts_seconds in kept]
    off = [dataclasses.replace(frame, flags=()) for frame in frames]
    results, expected = label(model, off), label(model, clean)
    # These pictures are whole, and yet their labels suffer from those before them.
    wrong = [pts for pts in kept if results[pts].actions != expected[pts].actions]
    assert wrong
    assert all(same_picture(frame, good) for frame, good in _pairs(off, clean, wrong))


def _pairs(
    frames: list[Frame], others: list[Frame], times: list[float]
) -> Iterable[tuple[Frame, Frame]]:
    one = {frame.pts_seconds: frame for frame in frames}
    two = {frame.pts_seconds: frame for frame in others}
    return [(one[pts], two[pts]) for pts in times]


@pytest.mark.parametrize("kind", ["flip", "drop"])
def test_a_camera_over_a_bad_line_is_labelled_as_over_a_good_one(
    start_camera: Callable[..., RtspServer], clean_clip: Path, small_model: Any, kind: str
) -> None:
    camera = start_camera()
    camera.put("yard.mp4", clean_clip)
    with FaultyLink(camera.port) as link:
        link.begin(Damage(SHARE, kind, seed=4))
        with open_source(link.url("yard.mp4"), when_full="block") as source:
            frames = [next(source) for _ in range(150)]
        assert link.damaged
    # Every connection is shown the clip from its beginning.
    sent = {round(frame.pts_seconds * RATE): frame for frame in read(clean_clip)}
    kept = [frame for frame in frames if not is_tainted(frame)]
    assert 30 < len(kept) < len(frames)
    as_sent = [sent[round(frame.pts_seconds * RATE)].image_rgb for frame in kept]
    assert all(map(np.array_equal, [frame.image_rgb for frame in kept], as_sent))
    clean = map(lambda frame, image: dataclasses.replace(frame, image_rgb=image), kept, as_sent)
    results, expected = label(small_model, frames), label(small_model, clean)
    for frame in kept:
        assert results[frame.pts_seconds].actions == expected[frame.pts_seconds].actions
