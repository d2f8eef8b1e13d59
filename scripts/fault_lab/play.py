"""Playing a fault to a running program, and what came of it."""

import time
from dataclasses import dataclass

from fault_lab.camera_faults import CameraFault, Site
from fault_lab.outage import Outage, describe_outage
from fault_lab.watched_run import WatchedRun

__all__ = ["FaultReport", "play_fault"]


@dataclass(frozen=True)
class FaultReport:
    """What one fault did.

    Attributes:
        faulty: To the camera that it happened to.
        healthy: To the one beside it, in the same time.
        alive: Whether the program still runs.
    """

    faulty: Outage
    healthy: Outage
    alive: bool


def play_fault(
    fault: CameraFault, site: Site, run: WatchedRun, healthy: str, *, rate: float
) -> FaultReport:
    """Begin a fault, let it last, mend it, and wait until the camera has shown two good seconds.

    Args:
        fault: What happens.
        site: The cameras.
        run: The program that watches them.
        healthy: Address of a camera that nothing happens to.
        rate: Frames that each camera sends in a second.
    """
    url = site.url(fault)
    begin = time.time()
    fault.begin(site)
    time.sleep(fault.seconds)
    fault.mend(site)
    mended = time.time()
    run.wait_for_frames(url, round(2 * rate), since=mended)
    end = time.time()
    return FaultReport(
        faulty=describe_outage(run.records(url), begin, mended, end, rate=rate),
        healthy=describe_outage(run.records(healthy), begin, mended, end, rate=rate),
        alive=run.alive,
    )
