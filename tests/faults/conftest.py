"""Cameras that fail on purpose; see `fault_lab` in the folder ``scripts``."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fault_lab import FaultyLink, RtspServer, SilentServer

pytest.importorskip("aio_rtsp_toolkit", reason="needs the extra 'dev'")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the camera shows: 8 seconds, 160x120, 25 frames and one key frame a second."""
    from fault_lab import write_clip

    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", size=(160, 120))


@pytest.fixture(scope="session")
def wide_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in another size, 240x120."""
    from fault_lab import write_clip

    return write_clip(tmp_path_factory.mktemp("clips") / "wide.mp4", size=(240, 120))


@pytest.fixture
def camera(clip: Path) -> "Iterator[RtspServer]":
    """A camera that shows the clip for ever as ``door.mp4``."""
    from fault_lab import RtspServer

    with RtspServer({"door.mp4": clip}) as server:
        yield server


@pytest.fixture
def link(camera: "RtspServer") -> "Iterator[FaultyLink]":
    """A cable to the camera."""
    from fault_lab import FaultyLink

    with FaultyLink(camera.port) as proxy:
        yield proxy


@pytest.fixture
def silent() -> "Iterator[SilentServer]":
    """A camera that takes connections and says nothing."""
    from fault_lab import SilentServer

    with SilentServer() as server:
        yield server


@pytest.fixture
def start_camera(clip: Path) -> "Iterator[Callable[..., RtspServer]]":
    """Makes further cameras of the same clip: ``start_camera(running=False)``."""
    from fault_lab import RtspServer

    servers: list[RtspServer] = []

    def start(**settings: object) -> RtspServer:
        servers.append(RtspServer({"door.mp4": clip}, **settings))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.close()
