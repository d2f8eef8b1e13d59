"""Where a video comes from: what kind of place a URI names, and which files a folder holds."""

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from vidcache.errors import SourceError

__all__ = [
    "VIDEO_SUFFIXES",
    "Location",
    "expand_sources",
    "hide_credentials",
    "hide_credentials_in",
    "locate",
]

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mj2", ".mjpeg", ".mjpg", ".mkv"}
    | {".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogg", ".ogv", ".rm", ".ts"}
    | {".vob", ".webm", ".wmv", ".y4m", ".264", ".265", ".h264", ".h265", ".hevc", ".ivf"}
)
"""File name endings that count as video when a folder is listed."""

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://")
_USERINFO = re.compile(r"(?<=://)[^/?#]*@")
_SECRET_PARAMETER = re.compile(
    r"(?i)((?:user(?:name)?|usr|login|pass(?:word|wd)?|pwd|token|auth|key|apikey|secret|signature|sig)"
    r"=)[^&;#\s]*"
)
_STREAMED = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp", "srt", "tcp", "mms", "mmsh"})

Kind = Literal["file", "camera", "network", "web", "lavfi"]


@dataclass(frozen=True)
class Location:
    """A URI that was understood.

    Attributes:
        kind: ``file``; ``camera`` (a device); ``network`` (RTSP and its like, always live);
            ``web`` (HTTP: a file, MJPEG or HLS); ``lavfi`` (a synthetic camera).
        address: What is handed to the library that opens it, credentials included.
        shown: The same for messages and results, credentials hidden.
    """

    kind: Kind
    address: str
    shown: str

    @property
    def is_live(self) -> bool | None:
        """Whether it goes on in real time, read or not; None where only opening it tells (HTTP)."""
        if self.kind == "web":
            return None
        if self.kind == "lavfi":
            return re.search(r"\brealtime\b", self.address) is not None
        return self.kind in ("network", "camera")

    @property
    def may_be_live(self) -> bool:
        """Whether it is live, or may turn out to be: a web address that does not name a file."""
        if self.is_live is not None:
            return self.is_live
        suffix = Path(urlsplit(self.address).path).suffix.lower()
        return suffix not in VIDEO_SUFFIXES or suffix in (".mjpeg", ".mjpg")

    @property
    def camera_number(self) -> int | None:
        """Number of the camera, for ``0`` or ``/dev/video0``; None where there is none."""
        match = re.fullmatch(r"(?:/dev/video)?(\d+)", self.address)
        return int(match[1]) if self.kind == "camera" and match else None


def hide_credentials(uri: str) -> str:
    """Replace the user, password and access tokens in a URI by ``***``.

    Example:
        >>> hide_credentials("rtsp://admin:secret@10.0.0.7/stream?token=abc&channel=1")
        'rtsp://***@10.0.0.7/stream?token=***&channel=1'
    """
    if not _SCHEME.match(uri):
        return uri
    return _SECRET_PARAMETER.sub(r"\1***", _USERINFO.sub("***@", uri))


def hide_credentials_in(text: str) -> str:
    """The same for a text that may hold URIs anywhere, such as the message of an exception."""
    return _SECRET_PARAMETER.sub(r"\1***", _USERINFO.sub("***@", text))


def locate(uri: str | int | os.PathLike[str]) -> Location:
    """Tell what kind of place a URI names. Nothing is opened.

    Args:
        uri: A camera number (``0`` or ``"0"``), a device (``/dev/video0``), a file or
            ``file://`` URI, ``rtsp://…`` and other stream protocols, ``http(s)://…``, or
            ``lavfi:GRAPH``.

    Raises:
        SourceError: The URI is empty.
    """
    text = os.fspath(uri) if not isinstance(uri, int) else str(uri)
    if not text.strip():
        raise SourceError("the source is empty: expected a file, a camera number or a URL")
    if text.startswith("lavfi:"):
        return Location("lavfi", text.removeprefix("lavfi:"), text)
    if text.startswith("/dev/video") or (re.fullmatch(r"\d+", text) and not Path(text).exists()):
        return Location("camera", text, text)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return Location("file", text, text)
    name = scheme[1].lower()
    if name == "file":
        path = unquote(text[scheme.end() :].removeprefix("localhost"))
        return Location("file", path, path)
    kind: Kind = "network" if name in _STREAMED else "web"
    return Location(kind, text, hide_credentials(text))


def expand_sources(uri: str | int | os.PathLike[str]) -> list[str]:
    """List what a folder or a glob pattern stands for, in natural order (``2`` before ``10``).

    A folder gives the videos directly in it, told by their file names; a pattern (``*``, ``?``,
    ``[…]``, ``**``) gives every file that it matches. Anything else is given back as it is.

    Returns:
        One URI for each video, ready for `open_source`.

    Raises:
        SourceError: The folder holds no video, or nothing matches the pattern.

    Example:
        >>> expand_sources("rtsp://camera.local/stream")
        ['rtsp://camera.local/stream']
    """
    location = locate(uri)
    if location.kind != "file":
        return [os.fspath(uri) if not isinstance(uri, int) else str(uri)]
    path = Path(location.address)
    if path.is_dir():
        found = list_videos(path)
        if not found:
            endings = ", ".join(sorted(VIDEO_SUFFIXES))
            raise SourceError(f"the folder '{path}' has no videos in it (files ending {endings})")
        return found
    if not path.exists() and glob.has_magic(location.address):
        matches = [name for name in glob.glob(location.address, recursive=True)]  # noqa: PTH207
        files = sorted((name for name in matches if Path(name).is_file()), key=_natural_key)
        if not files:
            raise SourceError(f"no file matches '{location.address}': check the pattern")
        return files
    return [location.address]


def list_videos(folder: Path) -> list[str]:
    """The videos directly in a folder, told by their file names, in natural order."""
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise SourceError(f"cannot list the folder '{folder}': {error.strerror}") from error
    names = [
        str(entry)
        for entry in entries
        if entry.suffix.lower() in VIDEO_SUFFIXES
        and not entry.name.startswith(".")
        and entry.is_file()
    ]
    return sorted(names, key=_natural_key)


def _natural_key(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in parts]
