"""``vidcache eval-tracks``: how well objects are followed, against ground truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcache.cli.console import show_message
from vidcache.cli.json_file import write_json
from vidcache.cli.options import DebugFlag
from vidcache.cli.table import print_table
from vidcache.errors import ConfigError

if TYPE_CHECKING:
    from vidcache.training.evaluation.tracks import TrackQuality

__all__ = ["evaluate_tracks"]

_COLUMNS = ("video", "HOTA", "DetA", "AssA", "MOTA", "IDF1", "switches", "missed", "wrong", "boxes")


def evaluate_tracks(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULTS…", help="Tracks: JSON lines of a run, or MOT text files."),
    ],
    truth: Annotated[
        list[Path],
        typer.Option(
            "--truth",
            metavar="F",
            help="Ground truth in MOT text; once for each of RESULTS, in their order.",
        ),
    ],
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="L", help="Objects of this label only, such as person."),
    ] = None,
    overlap: Annotated[
        float,
        typer.Option(
            "--overlap", metavar="P", help="Least overlap of a match for MOTA and IDF1, 0 to 1."
        ),
    ] = 0.5,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="F", help="Write the figures here as JSON, too.")
    ] = None,
    debug: DebugFlag = False,
) -> int:
    """Judge tracks by HOTA, MOTA and IDF1."""
    if len(results) != len(truth):
        raise ConfigError(
            f"{len(results)} RESULTS and {len(truth)} --truth: give one truth for each, in order"
        )
    if not 0 < overlap <= 1:
        raise ConfigError(f"--overlap is {overlap}: give a part above 0, at most 1")
    from vidcache.training.evaluation.tracked_boxes import read_mot_truth, read_tracks
    from vidcache.training.evaluation.tracks import track_quality

    said = [read_tracks(path, label) for path in results]
    real = [read_mot_truth(path) for path in truth]
    qualities = {
        str(path): track_quality([one], [other], overlap)
        for path, one, other in zip(results, real, said, strict=True)
    }
    together = track_quality(real, said, overlap)
    rows = [_row(Path(name).name, quality) for name, quality in qualities.items()]
    if len(rows) > 1:
        rows.append(_row("all", together))
    print_table(_COLUMNS, rows)
    if out is not None:
        videos = {name: quality.to_dict() for name, quality in qualities.items()}
        write_json(out, {"overlap": overlap, "all": together.to_dict(), "videos": videos})
        show_message(f"wrote {out}")
    return 0


def _row(name: str, quality: "TrackQuality") -> tuple[str, ...]:
    shares = (quality.hota, quality.detection, quality.association, quality.mota, quality.idf1)
    counts = (quality.num_switches, quality.num_missed, quality.num_wrong, quality.num_boxes)
    return name, *(f"{share:.3f}" for share in shares), *(f"{count:,}" for count in counts)
