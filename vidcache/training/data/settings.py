"""The settings of a data set: the keys of its YAML file."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from vidcache.config.section import Positive, Section
from vidcache.training.data.dataset import SPLITS, SplitName

__all__ = [
    "AnnotationSettings",
    "DatasetSettings",
    "FormatName",
    "SplitSettings",
    "VideoSettings",
]

FormatName = Literal[
    "auto", "segments", "folders", "activitynet", "epic-kitchens", "charades", "lstr"
]

# Which keys mean something to which formats.
_KEYS_OF: dict[str, set[str]] = {
    "target": {"epic-kitchens"},
    "classes": {"epic-kitchens", "charades"},
    "subsets": {"activitynet"},
    "dataset": {"lstr"},
    "features": {"lstr"},
    "targets": {"lstr"},
    "frame_rate": {"lstr"},
}


def _under(key: str) -> Any:
    """A validator that takes ``text`` and lists for ``{key: text}``."""

    def wrap(value: object) -> object:
        return {key: cast("object", value)} if isinstance(value, str | list) else value

    return BeforeValidator(wrap)


def _as_names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise ValueError("expected a list of names")
    names = cast("Sequence[object]", value)
    for name in names:
        if not isinstance(name, str) or not name:
            # YAML reads 12 as a number, and yes, no, on and off as true and false.
            raise ValueError(f"expected names, but {name!r} is none: put it in quotes")
    return tuple(str(name) for name in names)


def _as_names_or_file(value: object) -> tuple[str, ...] | str:
    if not isinstance(value, str | list | tuple):
        raise ValueError("expected a list of names, or a text file with a name a line")
    return value if isinstance(value, str) else _as_names(cast("object", value))


def _as_share_or_names(value: object) -> float | tuple[str, ...] | str:
    if isinstance(value, str | list | tuple):
        return _as_names_or_file(cast("object", value))
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise ValueError(
            "expected a share from 0 up to, but without, 1, a list of names, or a text file with a "
            "name a line"
        )
    return float(value)


def _as_files(value: object) -> dict[SplitName | Literal[""], str]:
    if isinstance(value, str):
        return {"": value}
    files = cast("dict[object, object]", value) if isinstance(value, dict) else {}
    if not files or not all(key in SPLITS and isinstance(f, str) for key, f in files.items()):
        raise ValueError("expected a file, or files by split such as {train: a.csv, test: b.csv}")
    return {split: str(files[split]) for split in SPLITS if split in files}


Names = Annotated[tuple[str, ...], PlainValidator(_as_names)]
NamesOrFile = Annotated[tuple[str, ...] | str, PlainValidator(_as_names_or_file)]
ShareOrNames = Annotated[float | tuple[str, ...] | str, PlainValidator(_as_share_or_names)]
Files = Annotated[dict[SplitName | Literal[""], str], PlainValidator(_as_files)]
Use = SplitName | Literal["skip"]


class VideoSettings(Section):
    """Where the videos are; a text or a list alone is the ``root``.

    Attributes:
        root: Folders that are searched, with all in them, or files.
        unlabelled: What becomes of videos there that the annotations do not name: ``skip`` leaves
            them out, ``background`` takes them as showing nothing.
    """

    root: Names
    unlabelled: Literal["skip", "background"] = "skip"


class AnnotationSettings(Section):
    """Where the labels are; a text alone is the ``file``.

    Attributes:
        file: The file or folder; or files by split, ``{train: …, test: …}``.
        format: What it holds; ``auto`` looks at it.
        target: EPIC-Kitchens: what becomes a label.
        classes: EPIC-Kitchens and Charades: the file that names the classes.
        subsets: ActivityNet: what its subsets are for, such as ``{Validation: train}``.
        dataset: LSTR: the name under which ``data_info.json`` holds the data set.
        features: LSTR: folder of the features.
        targets: LSTR: folder of the per-frame targets.
        frame_rate: LSTR: feature frames a second; by default as ``data_info.json`` says.
    """

    file: Files
    format: FormatName = "auto"
    target: Literal["verb", "noun", "action"] = "action"
    classes: str | None = None
    subsets: dict[str, Use] = Field(default_factory=dict)
    dataset: str | None = None
    features: str = "rgb"
    targets: str = "target_perframe"
    frame_rate: Positive | None = None

    @model_validator(mode="after")
    def _check_keys(self) -> "AnnotationSettings":
        for key, formats in _KEYS_OF.items():
            if key in self.model_fields_set and self.format not in {"auto", *formats}:
                raise ValueError(
                    f"{key!r} belongs to the format {' or '.join(sorted(formats))}, "
                    f"not to {self.format!r}"
                )
        return self


class SplitSettings(Section):
    """Which videos are for what: a list of names, a text file with a name a line, or a share.

    Attributes:
        train: By default all that nothing else says anything of.
        validation: By default a fifth of the videos for training, unless the annotations say which.
        test: By default what the annotations say, if anything.
        seed: What chooses the videos of a share.
    """

    train: NamesOrFile | None = None
    validation: ShareOrNames | None = None
    test: ShareOrNames | None = None
    seed: int = 0


class DatasetSettings(Section):
    """The keys of a data set's YAML file. Paths in it are relative to the file.

    Attributes:
        videos: Where the videos are; not needed by features that stand for videos.
        annotations: Where the labels are; by default the folders of ``videos`` are the labels.
        labels: All labels, or a text file with a label a line; by default those that occur.
        background: The label of frames that show nothing else; by default ``background``.
        ignore: Labels whose frames count neither in training nor in evaluation.
        unlisted: What becomes of labels that are not in ``labels``.
        multi_label: Whether a frame may show several labels at once; by default not, and in
            data sets that others published if it ever happens.
        splits: Which videos are for what.
    """

    videos: Annotated[VideoSettings, _under("root")] | None = None
    annotations: Annotated[AnnotationSettings, _under("file")] | None = None
    labels: NamesOrFile | None = None
    background: str | None = None
    ignore: Names = ()
    unlisted: Literal["refuse", "background", "ignore"] = "refuse"
    multi_label: bool | None = None
    splits: SplitSettings = SplitSettings()

    @model_validator(mode="after")
    def _check_sources(self) -> "DatasetSettings":
        if self.videos is None and self.annotations is None:
            raise ValueError("expected 'videos' (a folder), 'annotations' (a file), or both")
        return self
