"""The short summary of a run, for people."""

from collections.abc import Mapping

from vidcache.pipeline import RunSummary

__all__ = ["describe_run"]

_SHOWN_ACTIONS = 8


def describe_run(summary: RunSummary) -> list[str]:
    """Says in a few lines what was seen and how long it took.

    Args:
        summary: What a run has seen.

    Returns:
        The lines.
    """
    frames = _count(summary.num_frames, "frame")
    lines = [
        f"{frames} ({summary.video_seconds:.1f} s of video) in {summary.seconds:.1f} s: "
        f"{summary.fps:.1f} frames/s"
        + (f", {summary.num_dropped} dropped" if summary.num_dropped else "")
        + (f", {summary.num_tainted} damaged" if summary.num_tainted else "")
        + (", stopped before the end of the source" if summary.truncated else "")
    ]
    if known := summary.cache.get("prefix", {}).get("frames"):
        lines.append(f"known from earlier runs: {_count(known, 'frame')}")
    if (features := summary.cache.get("features")) and any(features["hits"].values()):
        hits = ", ".join(f"{count} {where}" for where, count in features["hits"].items() if count)
        share = f"{100 * features['hit_rate']:.0f} % of {_count(features['frames'], 'picture')}"
        lines.append(f"not encoded again: {share} ({hits})")
    if summary.num_frames:
        lines.append(f"actions: {_durations(summary.action_seconds)}")
        if summary.object_action_seconds:
            lines.append(f"actions of each, added up: {_durations(summary.object_action_seconds)}")
        objects = [f"{count} {label}" for label, count in summary.num_objects.items()]
        followed = ", ".join(objects) or "nothing"
        lines.append(
            f"followed for half a second or more: {followed} "
            f"(at most {summary.most_objects} in one frame)"
        )
    if summary.num_predicted:
        looks = _count(summary.num_looks, "frame")
        lines.append(f"looked for objects in {looks} ({summary.look_share:.0%})")
    stages = [f"{name} {1000 * stage.mean_seconds:.1f}" for name, stage in summary.stages.items()]
    if stages:
        lines.append(f"ms a frame, partly side by side: {', '.join(stages)}")
    return lines


def _durations(seconds: Mapping[str, float]) -> str:
    shown = list(seconds.items())
    actions = [f"{label} {duration:.1f} s" for label, duration in shown[:_SHOWN_ACTIONS]]
    if len(shown) > _SHOWN_ACTIONS:
        actions.append(f"{len(shown) - _SHOWN_ACTIONS} more")
    return ", ".join(actions)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
