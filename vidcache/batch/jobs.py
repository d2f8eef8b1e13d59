"""What goes to a worker and what comes back: plain values that any transport can carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Done", "Failed", "Identity", "Job", "Report", "Stopped", "Unchanged", "Working"]

Identity = tuple[int, int, int]
"""Size, time of the last change in nanoseconds, and inode: a file as it was when it was read."""


@dataclass(frozen=True)
class Job:
    """One file to be worked on.

    Attributes:
        path: The file.
        name: Name of its outputs.
        num_bytes: Its size.
        outputs: Where its outputs go, by kind.
        part_tag: What the names of unfinished outputs carry.
        known_content: Hash of the content whose results are there already, if there are any.
    """

    path: str
    name: str
    num_bytes: int
    outputs: Mapping[str, str]
    part_tag: str
    known_content: str | None = None


@dataclass(frozen=True)
class Working:
    """A file is being worked on.

    Attributes:
        job: The job.
        num_frames: Frames done.
        share: Share of the file that is done, 0 to 1, as far as one can tell.
    """

    job: Job
    num_frames: int
    share: float


@dataclass(frozen=True)
class Done:
    """A file's outputs are there under their final names.

    Attributes:
        job: The job.
        content: Hash of the file's content.
        identity: The file as it was read.
        num_bytes: Sizes of the outputs by kind; a kind that had nothing to write is left out.
        num_frames: Frames with a result.
        num_tainted: Damaged frames among them.
        truncated: Whether the file ends before its end: it was cut.
        seconds: How long it took.
    """

    job: Job
    content: str
    identity: Identity
    num_bytes: Mapping[str, int]
    num_frames: int
    num_tainted: int
    truncated: bool
    seconds: float


@dataclass(frozen=True)
class Unchanged:
    """A file looks new, but its content is the one whose results are there."""

    job: Job
    identity: Identity


@dataclass(frozen=True)
class Failed:
    """A file could not be worked on; nothing stands under its outputs' names because of it.

    Attributes:
        job: The job.
        kind: A word for the cause: ``missing``, ``directory``, ``no_permission``, ``empty``,
            ``unreadable``, ``changed``, ``output``, ``worker_died``, ``timeout`` or ``internal``.
        error: The cause in one line.
        fatal: Whether no other file can do better, as with a full disk.
        trace: The traceback, where there is one.
    """

    job: Job
    kind: str
    error: str
    fatal: bool = False
    trace: str = field(default="", repr=False)


@dataclass(frozen=True)
class Stopped:
    """A file was left because the batch was asked to stop."""

    job: Job


Report = Working | Done | Unchanged | Failed | Stopped
"""What an engine says about a job."""
