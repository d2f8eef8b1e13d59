"""What can happen to a camera, as a list of things to do to it and to undo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fault_lab.damage import Damage
from fault_lab.faulty_link import FaultyLink
from fault_lab.rtsp_server import RtspServer

__all__ = ["FAULTS", "CameraFault", "Site"]

_PATH = "door.mp4"
_SEED = 2


@dataclass(frozen=True)
class Site:
    """Two cameras, one of them behind a link, and what they show.

    Attributes:
        plain: A camera that is reached as it is.
        wired: Another one.
        link: The way to the wired one.
        clip: What both show, as ``door.mp4``.
        other_clip: The same in another size.
    """

    plain: RtspServer
    wired: RtspServer
    link: FaultyLink
    clip: Path
    other_clip: Path

    def url(self, fault: "CameraFault") -> str:
        """The address of the camera that a fault happens to."""
        return self.link.url(_PATH) if fault.at_link else self.plain.url(_PATH)


def _nothing(site: Site) -> None:
    pass


@dataclass(frozen=True)
class CameraFault:
    """One kind of failure.

    Attributes:
        name: What happens, in words.
        at_link: True if it happens on the way to the wired camera, False if to the plain one.
        seconds: How long it lasts.
        begin: Does it.
        mend: Undoes it.
    """

    name: str
    at_link: bool
    seconds: float
    begin: Callable[[Site], None]
    mend: Callable[[Site], None] = _nothing


def _restart(site: Site, *, clip: Path | None = None) -> None:
    if clip is not None:
        site.plain.put(_PATH, clip)
    site.plain.start()


def _restart_without_video(site: Site) -> None:
    site.plain.kill()
    site.plain.remove(_PATH)
    site.plain.start()


def _silence(site: Site) -> None:
    site.link.stall()
    site.link.cut()


def _unplug(site: Site) -> None:
    site.link.refuse()
    site.link.cut()


def _damage(kind: str) -> Callable[[Site], None]:
    return lambda site: site.link.begin(
        Damage(0.03, "flip" if kind == "flip" else "drop", 8, _SEED)
    )


FAULTS: Sequence[CameraFault] = (
    CameraFault(
        "off when the program starts, on after 6 s",
        at_link=False,
        seconds=6,
        begin=lambda site: site.plain.kill(),
        mend=_restart,
    ),
    CameraFault(
        "takes connections and says nothing for 15 s",
        at_link=True,
        seconds=15,
        begin=_silence,
        mend=lambda site: site.link.flow(),
    ),
    CameraFault(
        "killed (SIGKILL), started again at once",
        at_link=False,
        seconds=0,
        begin=lambda site: site.plain.kill(),
        mend=_restart,
    ),
    CameraFault(
        "connection closed (end of file)",
        at_link=True,
        seconds=0,
        begin=lambda site: site.link.cut(),
    ),
    CameraFault(
        "killed (SIGKILL), started again after 20 s",
        at_link=False,
        seconds=20,
        begin=lambda site: site.plain.kill(),
        mend=_restart,
    ),
    CameraFault(
        "unplugged for 5 s",
        at_link=True,
        seconds=5,
        begin=_unplug,
        mend=lambda site: site.link.accept(),
    ),
    CameraFault(
        "frozen (SIGSTOP) for 3 s",
        at_link=False,
        seconds=3,
        begin=lambda site: site.plain.freeze(),
        mend=lambda site: site.plain.thaw(),
    ),
    CameraFault(
        "3 % of the packets with bits flipped, 30 s",
        at_link=True,
        seconds=30,
        begin=_damage("flip"),
        mend=lambda site: site.link.end(),
    ),
    CameraFault(
        "frozen (SIGSTOP) for 30 s",
        at_link=False,
        seconds=30,
        begin=lambda site: site.plain.freeze(),
        mend=lambda site: site.plain.thaw(),
    ),
    CameraFault(
        "3 % of the packets lost, 30 s",
        at_link=True,
        seconds=30,
        begin=_damage("drop"),
        mend=lambda site: site.link.end(),
    ),
    CameraFault(
        "restarted, answers 404 for 8 s",
        at_link=False,
        seconds=8,
        begin=_restart_without_video,
        mend=lambda site: site.plain.put(_PATH, site.clip),
    ),
    CameraFault(
        "clock set back by an hour",
        at_link=True,
        seconds=0,
        begin=lambda site: site.link.shift_timestamps(-3600),
    ),
    CameraFault(
        "restarted with another picture size",
        at_link=False,
        seconds=0,
        begin=lambda site: site.plain.kill(),
        mend=lambda site: _restart(site, clip=site.other_clip),
    ),
    CameraFault(
        "clock set forward by an hour",
        at_link=True,
        seconds=0,
        begin=lambda site: site.link.shift_timestamps(3600),
    ),
)
"""Every kind of failure, at one camera and the other in turn; the first is there from the start."""
