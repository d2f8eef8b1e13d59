"""The short summary of a batch, for people."""

from vidcache.batch import BatchReport

__all__ = ["describe_batch"]


def describe_batch(report: BatchReport) -> list[str]:
    """Says in a few lines what was done, what was there, and what is wrong.

    Args:
        report: What came of a batch.

    Returns:
        The lines.
    """
    progress = report.progress
    finished = progress.num_known + progress.num_done
    lines = [f"{finished} of {_count(progress.num_files, 'file')} done"]
    if progress.num_known:
        lines[0] += f", {progress.num_known} of them before"
    lines[0] += f"; {progress.num_failed} failed" if progress.num_failed else ""
    lines[0] += f"; {progress.num_truncated} cut off" if progress.num_truncated else ""
    if progress.num_done:
        damaged = f" ({progress.num_tainted} damaged)" if progress.num_tainted else ""
        workers = _count(report.num_workers, "worker")
        lines.append(
            f"{_count(progress.num_frames, 'frame')}{damaged} in {progress.seconds:.1f} s: "
            f"{progress.fps:.1f} frames/s, {workers}"
        )
    if report.errors_path is not None:
        lines.append(f"what is wrong stands in {report.errors_path}")
    if report.interrupted:
        lines.append("interrupted: the same command again goes on from here")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
