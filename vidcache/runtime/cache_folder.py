"""Where downloaded models, measurements and the settings of Ultralytics are kept."""

import os
import sys
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """The folder of vidcache among the user's caches; it need not exist yet.

    ``VIDCACHE_CACHE`` names another one.
    """
    if chosen := os.environ.get("VIDCACHE_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "vidcache"
