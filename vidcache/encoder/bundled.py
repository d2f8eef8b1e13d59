"""The action models that come with vidcache."""

from importlib.resources import files
from pathlib import Path

__all__ = ["find_bundled_models"]

_PREFIX, _SUFFIX = "actions_", ".safetensors"


def find_bundled_models() -> dict[str, Path]:
    """Lists the bundled action models.

    Returns:
        Their files by name, in order of the names: ``actions_tiny.safetensors`` is ``"tiny"``.
    """
    folder = Path(str(files("vidcache"))) / "bundled"
    found = sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}"))
    return {path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX): path for path in found}
