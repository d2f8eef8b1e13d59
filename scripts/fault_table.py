"""Plays every fault that a camera can have to a running ``vidcache run`` and prints what happened.

    python scripts/fault_table.py

Three RTSP cameras are watched by one process: a healthy one, one that is killed, frozen and
restarted, and one behind a link that is cut, silenced and shaken. The table is made from the JSONL
files that the program writes meanwhile.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from fault_lab import FaultyLink, RtspServer, write_clip
from fault_lab.camera_faults import FAULTS, CameraFault, Site
from fault_lab.outage import Outage
from fault_lab.play import FaultReport, play_fault
from fault_lab.watched_run import WatchedRun

# A rate at which nothing but the faults makes the program drop frames, on two cores.
RATE = 5
SHOWN = Path(__file__).parents[1] / "sample_videos" / "actions.mp4"
# A camera that was well for so long has the patience of the program back: short waits again.
WELL_SECONDS = 11

HEAD = (
    "fault",
    "what the record says",
    "seconds without a good picture",
    "back after, s",
    "tainted",
    "dropped",
    "healthy camera: frames lost",
    "process",
)


def main() -> None:
    """Play the faults and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detector", default="none")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--only", default="", help="play only faults whose name contains this")
    parser.add_argument("options", nargs="*", help="further arguments of vidcache run, after --")
    options = parser.parse_args()
    faults = [fault for fault in FAULTS if options.only in fault.name]
    flags = ["--model", options.model, "--detector", options.detector, *options.options]
    with tempfile.TemporaryDirectory() as folder:
        play_all(faults, Path(folder), flags)


def play_all(faults: Sequence[CameraFault], folder: Path, flags: Sequence[str]) -> None:
    """Play faults one after the other to one run, printing a row each."""
    clip, other = (
        write_clip(folder / name, showing=SHOWN, seconds=60, rate=RATE, gop=RATE, size=size)
        for name, size in (("clip.mp4", (320, 180)), ("other.mp4", (256, 144)))
    )
    shown = {"door.mp4": clip}
    # The first of the list is there before the program is.
    starts_broken = FAULTS[0] in faults
    with (
        RtspServer(shown) as healthy,
        RtspServer(shown, running=not starts_broken) as plain,
        RtspServer(shown) as wired,
        FaultyLink(wired.port) as link,
    ):
        site = Site(plain, wired, link, clip, other)
        good = healthy.url("door.mp4")
        urls = (good, plain.url("door.mp4"), link.url("door.mp4"))
        print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}", flush=True)
        with WatchedRun(urls, folder / "results", flags) as run:
            for url in urls:
                if not (starts_broken and url == urls[1]):
                    run.wait_for_frames(url, RATE)
            for fault in faults:
                if fault is not FAULTS[0]:
                    run.wait_until_well(site.url(fault), WELL_SECONDS)
                print(row(fault, play_fault(fault, site, run, good, rate=RATE)), flush=True)
            code = run.stop()
            print(f"\nAll the time one process ran; stopped by SIGINT it ended with code {code}.")
            print_totals(run, dict(zip(("healthy", "plain", "wired"), urls, strict=True)))


def row(fault: CameraFault, report: FaultReport) -> str:
    """One row of the table."""
    faulty, healthy = report.faulty, report.healthy
    paused = faulty.seconds_back is not None
    cells = (
        fault.name,
        describe_gaps(faulty),
        f"{faulty.longest_pause:.1f}" if paused else "–",
        f"{faulty.seconds_back:.1f}" if paused else "–",
        f"{faulty.num_tainted} of {faulty.num_frames}",
        f"{faulty.num_dropped}",
        f"{healthy.num_missing} of {healthy.num_frames + healthy.num_missing}",
        "lives" if report.alive else "ended",
    )
    return f"| {' | '.join(cells)} |"


def describe_gaps(outage: Outage) -> str:
    """The discontinuities of a camera in words; a reconnect repeats the cause of its disconnect."""
    words = [
        f"`{reason}` ({detail})" if detail and reason != "disconnect" else f"`{reason}`"
        for reason, detail in outage.gaps
    ]
    return ", ".join(words).replace("|", "/") or "nothing"


def print_totals(run: WatchedRun, urls: Mapping[str, str]) -> None:
    """What the end records say: every frame that was seen was shown or counted as dropped."""
    print("\n| camera | frames | dropped | tainted |\n| --- | --- | --- | --- |")
    for name, url in urls.items():
        end = run.records(url)[-1].record
        print(f"| {name} | {end['frames']} | {end['dropped']} | {end['tainted']} |")


if __name__ == "__main__":
    main()
