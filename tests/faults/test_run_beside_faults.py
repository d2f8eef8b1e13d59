"""``vidcache run`` beside failing cameras: one process, real faults, and what its records tell."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_lab import Damage, FaultyLink, RtspServer, write_clip
from fault_lab.camera_faults import FAULTS, CameraFault, Site
from fault_lab.play import play_fault
from fault_lab.watched_run import WatchedRun

from vidcache.video import read_jsonl

# Slow, and nothing is dropped for want of time: on a busy machine too, what is lost is lost by a
# fault.
RATE = 5

SETTINGS = """
read: {open_timeout: 3, read_timeout: 2}
live:
  when_full: block
  stall_seconds: 1
  reconnect: {first_delay: 0.2, max_delay: 1.0}
"""

LOST = ["disconnect", "reconnect"]

# By the beginning of the fault's name: what the record must say, and how long it lasts here.
PLAYED = {
    "killed (SIGKILL), started again at once": (LOST, 0),
    "connection closed": (LOST, 0),
    "takes connections and says nothing": (LOST, 4),
    "restarted, answers 404": (LOST, 3),
    "restarted with another picture size": ([*LOST, "size_change"], 0),
    "unplugged": (LOST, 2),
    "frozen (SIGSTOP) for 3 s": ([], 1),
    "clock set back": (["timestamp_jump"], 0),
}


@pytest.fixture
def site(
    start_camera: Callable[..., RtspServer], tmp_path: Path
) -> Iterator[tuple[Site, RtspServer]]:
    """Two cameras that things happen to, and a healthy one."""
    clip = write_clip(tmp_path / "clip.mp4", seconds=20, rate=RATE, gop=RATE, size=(96, 64))
    other = write_clip(tmp_path / "other.mp4", seconds=20, rate=RATE, gop=RATE, size=(64, 48))
    cameras = [start_camera() for _ in range(3)]
    for camera in cameras:
        camera.put("door.mp4", clip)
    with FaultyLink(cameras[1].port) as link:
        yield Site(cameras[0], cameras[1], link, clip, other), cameras[2]


@pytest.fixture
def watch(tmp_path: Path, small_model_path: Path) -> Iterator[Callable[..., WatchedRun]]:
    """Starts the program on some sources, with little patience."""
    runs: list[WatchedRun] = []
    settings = tmp_path / "settings.yaml"
    settings.write_text(SETTINGS)

    def start(*sources: str) -> WatchedRun:
        flags = ["--config", str(settings), "--model", str(small_model_path), "--detector", "none"]
        runs.append(WatchedRun(sources, tmp_path / "results", flags))
        return runs[-1]

    yield start
    for run in runs:
        run.close()


def named(beginning: str, seconds: float) -> CameraFault:
    (fault,) = (fault for fault in FAULTS if fault.name.startswith(beginning))
    return dataclasses.replace(fault, seconds=seconds)


def test_whatever_happens_to_one_camera_the_other_loses_no_frame_and_the_record_tells_it(
    site: tuple[Site, RtspServer], watch: Callable[..., WatchedRun], tmp_path: Path
) -> None:
    lab, healthy = site
    good = healthy.url("door.mp4")
    run = watch(good, lab.plain.url("door.mp4"), lab.link.url("door.mp4"))
    for url in (good, lab.plain.url("door.mp4"), lab.link.url("door.mp4")):
        run.wait_for_frames(url, 5)
    for name, (reasons, seconds) in PLAYED.items():
        report = play_fault(named(name, seconds), lab, run, good, rate=RATE)
        told = [reason for reason, _ in report.faulty.gaps if reason != "scene_cut"]
        assert told == reasons, name
        assert report.healthy.num_missing == 0, name
        assert [reason for reason, _ in report.healthy.gaps if reason != "scene_cut"] == [], name
        assert report.alive, name
    assert run.stop() == 130
    recordings = [read_jsonl(path) for path in sorted((tmp_path / "results").glob("*.jsonl"))]
    assert len(recordings) == 3
    for recording in recordings:
        assert recording.end is not None
        assert recording.end["frames"] == len(recording.frames)
        seen = recording.frames[-1].index + 1
        assert seen <= recording.end["frames"] + recording.end["dropped"] <= seen + 4
    assert "Traceback" not in run.errors


def test_lost_packets_are_told_frame_by_frame(
    site: tuple[Site, RtspServer], watch: Callable[..., WatchedRun]
) -> None:
    lab, healthy = site
    good = healthy.url("door.mp4")
    run = watch(good, lab.link.url("door.mp4"))
    for url in (good, lab.link.url("door.mp4")):
        run.wait_for_frames(url, 5)
    harder = dataclasses.replace(
        named("3 % of the packets lost", 4),
        begin=lambda site: site.link.begin(Damage(0.2, "drop", seed=4)),
    )
    report = play_fault(harder, lab, run, good, rate=RATE)
    assert report.faulty.num_tainted > 0
    assert report.healthy.num_tainted == report.healthy.num_missing == 0
    assert run.stop() == 130


def test_a_camera_that_is_off_at_the_start_keeps_nobody_waiting(
    site: tuple[Site, RtspServer], watch: Callable[..., WatchedRun]
) -> None:
    lab, healthy = site
    good, late = healthy.url("door.mp4"), lab.plain.url("door.mp4")
    lab.plain.kill()
    run = watch(late, good)
    run.wait_for_frames(good, 5)
    assert not any(seen.kind == "frame" for seen in run.records(late))
    lab.plain.start()
    run.wait_for_frames(late, 5)
    assert run.stop() == 130
