"""The file that a figure is drawn into."""

from importlib.util import find_spec
from pathlib import Path

from vidcache.errors import ConfigError

__all__ = ["require_drawing"]


def require_drawing(plot: Path) -> None:
    """Makes sure, before anything is measured, that ``--plot`` can be drawn.

    Raises:
        ConfigError: The folder is not there, or matplotlib is not installed.
    """
    if not plot.parent.is_dir():
        raise ConfigError(f"--plot is {plot}: {plot.parent} is no folder")
    if find_spec("matplotlib") is None:
        raise ConfigError("--plot needs matplotlib: pip install 'vidcache[run]'")
