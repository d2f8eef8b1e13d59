"""What libav's error codes mean for the person who wanted to watch a video."""

import errno
from pathlib import Path
from typing import Literal

from vidcache.errors import SourceError
from vidcache.video.locations import Location, list_videos

__all__ = ["explain_failure"]

_HOPELESS_HOST = {
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ENETUNREACH: "the network cannot be reached",
    errno.ECONNREFUSED: "the connection was refused: nothing listens on that port",
    errno.ECONNRESET: "the other side closed the connection",
    errno.EPIPE: "the other side closed the connection",
}


def explain_failure(
    error: Exception,
    location: Location,
    timeout: float,
    *,
    waited: float = 0.0,
    reading: bool = False,
) -> SourceError:
    """Say in one line why a source cannot be opened or read, and what to do.

    libav's own text is not passed on where it may hold the URL with its password.

    Args:
        error: What PyAV raised.
        location: What was opened.
        timeout: The time-out in seconds that was in force.
        waited: Seconds until it failed: a server that says nothing fails in many ways.
        reading: The source was open already.
    """
    verb = "read" if reading else "open"
    if location.kind == "lavfi":
        why = "it is not a graph that libav understands: check the filter names and options"
    elif location.kind == "camera":
        why = _why_not_camera(error, location)
    elif location.kind == "file":
        why = _why_not_file(error, Path(location.address))
    else:
        why = _why_not_network(error, timeout, waited, reading)
    return SourceError(
        f"cannot {verb} '{location.shown}': {why}", reason=why, retry=_outlook(error, location)
    )


def _outlook(error: Exception, location: Location) -> Literal["soon", "slowly", "never"]:
    """Whether waiting may mend it."""
    if location.kind == "lavfi":
        return "never"
    if location.kind == "file":
        return "slowly"
    if location.kind == "camera":
        return "soon"
    from av import error as av_error

    if isinstance(error, av_error.ProtocolNotFoundError):
        return "never"
    # A camera that restarts may answer so for a while; asked too often, it may lock its user out.
    refusals = (
        av_error.HTTPUnauthorizedError,
        av_error.HTTPForbiddenError,
        av_error.HTTPNotFoundError,
    )
    return "slowly" if isinstance(error, refusals) else "soon"


def _why_not_file(error: Exception, path: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the path"
    if isinstance(error, IsADirectoryError) or path.is_dir():
        count = len(list_videos(path))
        if not count:
            return "it is a folder without videos"
        return f"it is a folder (with {count} videos): name one, or process them one after another"
    if isinstance(error, PermissionError):
        return "you are not allowed to read it; check its permissions"
    if path.is_file() and path.stat().st_size == 0:
        return "the file is empty"
    if _lacks_index(path):
        return "the file was cut off before its index was written (it has no 'moov' box)"
    if isinstance(error, ValueError):
        return "it is not a video, or is damaged beyond reading"
    return f"it is damaged, or of a kind that cannot be read ({_text(error)})"


def _why_not_camera(error: Exception, location: Location) -> str:
    if isinstance(error, PermissionError):
        return "you are not allowed to use it; join the group 'video'"
    if isinstance(error, FileNotFoundError):
        found = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*")))
        return f"there is no such camera (cameras here: {found or 'none'})"
    if getattr(error, "errno", None) == errno.EBUSY:
        return "another program is using it"
    return _text(error)


def _why_not_network(error: Exception, timeout: float, waited: float, reading: bool) -> str:
    from av import error as av_error

    if isinstance(error, (av_error.ExitError, TimeoutError)) or waited >= timeout:
        return f"no answer for {timeout:g} s; check the address, or allow more time"
    if isinstance(error, av_error.HTTPUnauthorizedError):
        return "the user name or password is wrong or missing (401)"
    if isinstance(error, (av_error.HTTPNotFoundError, av_error.HTTPForbiddenError)):
        kind = "not found (404)" if "NotFound" in type(error).__name__ else "forbidden (403)"
        return f"the server answered: {kind}; check the path of the URL"
    number = getattr(error, "errno", None)
    if number in _HOPELESS_HOST:
        return _HOPELESS_HOST[number]
    if isinstance(error, av_error.ProtocolNotFoundError):
        return "this kind of URL is not supported"
    if number == errno.EIO:
        return "the transfer broke off" if reading else "the host cannot be found; check its name"
    if isinstance(error, ValueError):
        return "the answer is not a video stream; check the path of the URL"
    return _text(error)


def _text(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _lacks_index(path: Path) -> bool:
    """True for an MP4 or MOV whose boxes end before the index."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            names: list[bytes] = []
            position = 0
            while position + 8 <= size and len(names) < 64:
                file.seek(position)
                head = file.read(16)
                length, name = int.from_bytes(head[:4], "big"), head[4:8]
                if length == 1:
                    length = int.from_bytes(head[8:16], "big")
                names.append(name)
                if length < 8:
                    break
                position += length
    except OSError:
        return False
    return names[:1] == [b"ftyp"] and b"moov" not in names and b"moof" not in names
