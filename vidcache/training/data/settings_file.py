"""What a data set is given as: a YAML file, a file of labels alone, or a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vidcache.config.validation import validate_settings
from vidcache.config.yaml_file import YamlFile, read_yaml
from vidcache.errors import ConfigError, DataError
from vidcache.training.data.settings import AnnotationSettings, DatasetSettings

__all__ = ["GivenDataset", "read_settings"]

_YAML_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True)
class GivenDataset:
    """A data set as it was given.

    Attributes:
        path: What was given.
        base: What the paths in its settings are relative to.
        settings: Its settings.
        annotations: Where its labels are.
        roots: Where its videos are.
        place: Says where a key of the settings stands, for messages.
    """

    path: Path
    base: Path
    settings: DatasetSettings
    annotations: AnnotationSettings
    roots: tuple[Path, ...]
    place: Callable[..., str]


def read_settings(path: Path) -> GivenDataset:
    """Reads the settings of a data set.

    Args:
        path: A YAML file; a CSV or JSON file of labels, whose videos lie beside it; or a folder
            with a folder for each label, or with ``data_info.json``.

    Raises:
        DataError: It cannot be read, or a setting is unknown or not allowed.
    """
    if not path.exists():
        raise DataError(
            f"cannot read the data set '{path}': there is no such file or folder; expected a YAML "
            "file, a CSV or JSON file of labels, or a folder with a folder for each label"
        )
    if path.suffix.lower() not in _YAML_SUFFIXES:
        base, file_name = (path, ".") if path.is_dir() else (path.parent, path.name)
        annotations = AnnotationSettings.model_validate({"file": file_name})
        settings = DatasetSettings(annotations=annotations)
        return GivenDataset(path, base, settings, annotations, (base,), lambda *_: str(path))
    try:
        file = read_yaml(path, "data set")
        settings = validate_settings(
            DatasetSettings, file.values, where=lambda keys: f"{file.place(*keys)}: "
        )
    except ConfigError as error:
        raise DataError(str(error)) from error
    return _complete(file, settings)


def _complete(file: YamlFile, settings: DatasetSettings) -> GivenDataset:
    """Fills in where labels and videos are, where only one of both was said."""
    base = file.path.parent
    annotations, videos = settings.annotations, settings.videos
    if annotations is None:
        roots = videos.root if videos is not None else ()
        if len(roots) != 1:
            raise DataError(
                f"{file.place('videos')}: without 'annotations' the folders in one folder are the "
                f"labels, but {len(roots)} are given: give one, or 'annotations'"
            )
        annotations = AnnotationSettings.model_validate({"file": roots[0], "format": "folders"})
    if videos is None:
        folders = (base / path for path in annotations.file.values())
        found = tuple(path if path.is_dir() else path.parent for path in folders)
        found = tuple(dict.fromkeys(found))
    else:
        found = tuple(base / root for root in videos.root)
        for number, root in enumerate(found):
            if not root.exists():
                raise DataError(
                    f"{file.place('videos', 'root', number)}: there is no '{root}': expected a "
                    "folder of videos, or a video"
                )
    return GivenDataset(file.path, base, settings, annotations, found, file.place)
