"""How a batch is done."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vidcache.batch.inputs import Shard
from vidcache.batch.threads import default_num_workers
from vidcache.errors import ConfigError
from vidcache.video import FILE_SINKS

__all__ = ["BatchOptions"]


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is done; what is computed stands in a `vidcache.Config`.

    Attributes:
        out: Folder for the outputs, the manifest and the list of errors.
        kinds: Outputs of each file, names of `vidcache.video.FILE_SINKS`; ``jsonl`` always is one.
        num_workers: Files that are worked on at the same time; None chooses.
        shard: The part of the inputs that is done here.
        on_error: ``skip`` goes on after a bad file, ``fail`` stops.
        engine: ``local`` for processes on this machine, ``ray`` for a Ray cluster.
        ray_address: The cluster; None for ``RAY_ADDRESS`` or one on this machine.
        recursive: Whether folders are searched with all that is in them.
        root: What outputs are named relative to; None for the folder that all inputs share.
        file_timeout: Seconds that one file may take; None for as long as it takes.

    Raises:
        ConfigError: If a value is out of range or unknown.

    Example:
        >>> BatchOptions("results", kinds=("csv",)).all_kinds
        ('jsonl', 'csv')
    """

    out: str | os.PathLike[str]
    kinds: tuple[str, ...] = ()
    num_workers: int | None = None
    shard: Shard = field(default_factory=Shard)
    on_error: Literal["skip", "fail"] = "skip"
    engine: Literal["local", "ray"] = "local"
    ray_address: str | None = None
    recursive: bool = True
    root: str | os.PathLike[str] | None = None
    file_timeout: float | None = None

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in FILE_SINKS:
                raise ConfigError(
                    f"there is no output {kind!r}: expected some of {', '.join(FILE_SINKS)}"
                )
        if self.num_workers is not None and self.num_workers < 1:
            raise ConfigError(f"{self.num_workers} workers cannot do anything: expected at least 1")
        if self.on_error not in ("skip", "fail"):
            raise ConfigError(f"on_error is {self.on_error!r}: expected skip or fail")
        if self.engine not in ("local", "ray"):
            raise ConfigError(f"the engine is {self.engine!r}: expected local or ray")
        if self.file_timeout is not None and not self.file_timeout > 0:
            raise ConfigError(f"file_timeout is {self.file_timeout}: expected seconds above 0")

    @property
    def folder(self) -> Path:
        """The folder for everything that is written."""
        return Path(self.out).expanduser()

    @property
    def all_kinds(self) -> tuple[str, ...]:
        """The outputs of each file, ``jsonl`` first."""
        return tuple(dict.fromkeys(("jsonl", *self.kinds)))

    def outputs_of(self, name: str) -> dict[str, str]:
        """The final paths of a file's outputs by kind."""
        return {kind: str(self.folder / f"{name}{FILE_SINKS[kind]}") for kind in self.all_kinds}

    def workers_for(self, device: str) -> int:
        """How many workers there are.

        Args:
            device: What they compute on. A GPU is kept busy by one worker.
        """
        if self.num_workers is not None:
            return self.num_workers
        return default_num_workers() if device == "cpu" else 1
