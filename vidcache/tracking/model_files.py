"""Finding the file of a detector: by path, by name, or the one that is at hand."""

import http.client
import os
import queue
import re
import tempfile
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from vidcache.errors import ModelError
from vidcache.runtime.cache_folder import cache_folder

__all__ = ["ModelFile", "bundled_detector", "bundled_pose_model", "find_model"]

_RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.4.0"
_PUBLISHED = re.compile(r"(yolo|rtdetr)[\w.-]*\.(pt|onnx)", re.ASCII | re.IGNORECASE)
_AUTO = "yolo26n.pt"
_AUTO_POSE = "yolo26n-pose.pt"
_BUNDLED = "person_yolo26n.pt"
_BUNDLED_POSE = "person_pose_yolo26n.pt"
_CONNECT_SECONDS = 1.5
_BODY_SECONDS = 20.0
_SMALLEST_BYTES = 100_000


@dataclass(frozen=True)
class ModelFile:
    """A model that was found on this machine.

    Attributes:
        path: Where it is.
        reason: One line: which it is, and why this one.
    """

    path: Path
    reason: str


def find_model(name: str | Path, *, flag: str = "--detector") -> ModelFile:
    """Finds the file of a model.

    ``auto`` is ``yolo26n.pt`` if it lies in the working directory or in the cache folder or can
    be fetched, and the bundled person detector otherwise; without a network that is decided in
    about a second. ``auto-pose`` is the same for models that also see people's keypoints:
    ``yolo26n-pose.pt`` or the bundled pose model. A published name such as ``yolo26s.pt`` (or
    ``yolo26s``) is looked for in the same places. Anything else is a path.
    ``VIDCACHE_OFFLINE=1`` keeps it from trying to fetch.

    Args:
        name: ``auto``, ``auto-pose``, ``bundled``, ``bundled-pose``, a published name, or a path
            (some exports are folders).
        flag: The command-line flag that takes a path, for the error's message.

    Raises:
        ModelError: If there is no such file and it cannot be fetched.
    """
    text = str(name)
    if text == "auto":
        return _find_or_bundled(_AUTO, "bundled")
    if text == "auto-pose":
        return _find_or_bundled(_AUTO_POSE, "bundled-pose")
    if text == "bundled":
        return ModelFile(bundled_detector(), f"the bundled person detector {_BUNDLED}")
    if text == "bundled-pose":
        return ModelFile(bundled_pose_model(), f"the bundled person pose model {_BUNDLED_POSE}")
    path = Path(text).expanduser()
    if path.exists():
        return ModelFile(path, f"{path.name} as given")
    published = text if path.suffix else f"{text}.pt"
    if path.parent != Path() or not _PUBLISHED.fullmatch(published):
        raise ModelError(
            f"there is no model file {text!r}: expected 'auto', 'auto-pose', a published name such "
            f"as {_AUTO}, or the path of a .pt, .onnx or other exported model ({flag} PATH)"
        )
    found, trouble = _find_published(published)
    if found is None:
        raise ModelError(
            f"the model {published} is neither in the working directory nor in "
            f"{_model_folder()}, and it could not be fetched from github.com ({trouble}): "
            f"give the path of a local copy with {flag} PATH"
        )
    return found


def bundled_detector() -> Path:
    """The person detector that comes with vidcache.

    Raises:
        ModelError: If this installation has no such file.
    """
    return _bundled(_BUNDLED, "person detector")


def bundled_pose_model() -> Path:
    """The model of people's boxes and keypoints that comes with vidcache.

    Raises:
        ModelError: If this installation has no such file.
    """
    return _bundled(_BUNDLED_POSE, "person pose model")


def _bundled(name: str, what: str) -> Path:
    path = Path(str(resources.files("vidcache") / "bundled" / name))
    if not path.is_file():
        raise ModelError(
            f"the bundled {what} is missing ({path}): install vidcache again, or give "
            f"a model of your own with --detector PATH"
        )
    return path


def _find_or_bundled(published: str, bundled: str) -> ModelFile:
    found, trouble = _find_published(published)
    if found is not None:
        return found
    fallback = find_model(bundled)
    return ModelFile(
        fallback.path,
        f"{fallback.reason}, because {published} is neither in the working "
        f"directory nor in {_model_folder()} and could not be fetched ({trouble})",
    )


def _model_folder() -> Path:
    return cache_folder() / "models"


def _find_published(name: str) -> tuple[ModelFile | None, str]:
    """Returns the file, or why there is none."""
    here = Path(name)
    if here.is_file():
        return ModelFile(here.resolve(), f"{name} from the working directory"), ""
    cached = _model_folder() / name
    if cached.is_file():
        return ModelFile(cached, f"{name} from the cache folder"), ""
    try:
        _fetch(f"{_RELEASE}/{name}", cached)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return None, _why(error)
    return ModelFile(cached, f"{name} fetched from github.com"), ""


def _why(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answer {error.code}"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.rstrip(".").lower()
    return str(reason).splitlines()[0] if str(reason) else type(error).__name__


def _fetch(url: str, target: Path) -> None:
    if os.environ.get("VIDCACHE_OFFLINE", "0").lower() not in {"", "0", "false", "no"}:
        raise OSError("VIDCACHE_OFFLINE is set")
    with _open(url) as response:
        expected = int(response.headers.get("Content-Length") or 0)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=target.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                while block := response.read(1 << 20):
                    file.write(block)
            size = Path(partial).stat().st_size
            if size < _SMALLEST_BYTES or (expected and size != expected):
                raise OSError(f"only {size} of {expected or 'unknown'} bytes arrived")
            Path(partial).replace(target)
        finally:
            Path(partial).unlink(missing_ok=True)


def _open(url: str) -> http.client.HTTPResponse:
    """Opens a URL within a deadline that covers the name's look-up too.

    A time-out of a socket does not cover DNS, which alone may take ten seconds and more where
    there is no network. So the attempt runs on a thread that is left behind when it is late.
    """
    answers: queue.Queue[http.client.HTTPResponse | Exception] = queue.Queue()

    def attempt() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=_BODY_SECONDS))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=attempt, daemon=True, name="vidcache-fetch").start()
    try:
        answer = answers.get(timeout=_CONNECT_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {_CONNECT_SECONDS} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
