"""``vidcache demo``: the whole program on the sample video."""

from pathlib import Path
from typing import Annotated

import typer

from vidcache.cli.options import DebugFlag, MaxFramesFlag, ModelFlag
from vidcache.cli.watching import watch_sources
from vidcache.config import Config, override
from vidcache.errors import SinkError, SourceError

__all__ = ["demo", "find_sample"]

_REPOSITORY = Path(__file__).parents[2]


def demo(
    source: Annotated[
        str | None,
        typer.Argument(metavar="[SOURCE]", help="Another video than the sample."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for what is written.")
    ] = Path("vidcache_demo"),
    model: ModelFlag = None,
    detector: Annotated[
        str, typer.Option("--detector", metavar="NAME|PATH|none", help="Object detector.")
    ] = "bundled",
    max_frames: MaxFramesFlag = None,
    debug: DebugFlag = False,
) -> int:
    """Label the sample video: writes an annotated MP4 and JSON lines, and says what was seen.

    It needs no network: models and video come with the repository.
    """
    video = source if source is not None else str(find_sample())
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"cannot make the folder '{out}': {error.strerror or error}") from error
    settings = override(
        Config(
            source=video,
            detector=detector,
            jsonl=str(out / "demo.jsonl"),
            video=str(out / "demo.mp4"),
        ),
        {"model": model, "max_frames": max_frames},
    )
    return watch_sources(settings)


def find_sample() -> Path:
    """The sample video of the repository.

    Raises:
        SourceError: If it is not there, as in an installation without the repository.
    """
    for folder in (_REPOSITORY / "sample_videos", Path("sample_videos")):
        for path in sorted(folder.glob("*.mp4")):
            return path
    raise SourceError(
        "there is no sample video here: run it in the repository, or give a video of your own, "
        "vidcache demo VIDEO"
    )
