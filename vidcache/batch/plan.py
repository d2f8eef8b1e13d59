"""What a batch has to do, and what is done already."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidcache.batch.fingerprint import identify
from vidcache.batch.inputs import InputFile
from vidcache.batch.jobs import Job
from vidcache.batch.manifest import Entry
from vidcache.batch.options import BatchOptions
from vidcache.config import Config, override
from vidcache.encoder import choose_precision
from vidcache.errors import ConfigError
from vidcache.model.object_model import find_object_model, read_object_config
from vidcache.pipeline import resolve_device
from vidcache.pipeline.loading import choose_detector
from vidcache.tracking.model_files import bundled_detector, find_model

__all__ = ["BatchPlan", "decide_models", "decide_precision", "make_plan"]


@dataclass(frozen=True)
class BatchPlan:
    """What to do.

    Attributes:
        jobs: Files whose results are missing or may be out of date, largest first.
        known: Entries of the files whose results are there.
    """

    jobs: tuple[Job, ...]
    known: tuple[Entry, ...]


def decide_models(config: Config) -> Config:
    """Puts models' names in the place of ``auto``, so that all workers take the same.

    Raises:
        ModelError: If a model cannot be found.
    """
    sources: tuple[str, ...] = ()
    if config.actions != "frame":
        sources = read_object_config(find_object_model(config.objects.model)).sources
    flags: dict[str, str] = {}
    if config.detector == "auto":
        flags["detector"] = _found_name(choose_detector(config, sources))
    if "pose" in sources and config.objects.pose == "auto":
        flags["objects.pose"] = _found_name("auto-pose")
    return override(config, flags)


def _found_name(name: str) -> str:
    found = find_model(name).path
    # Others take the bundled ones from their own installation.
    bundled = {"auto": "bundled", "auto-pose": "bundled-pose"}[name]
    return bundled if found.parent == bundled_detector().parent else found.name


def decide_precision(config: Config, known: Mapping[str, Entry], settings: str) -> Config:
    """Puts an arithmetic in the place of ``auto``, so that all workers compute alike.

    It is that of the results that are there already, or else what is fast on this machine.
    """
    if config.precision != "auto":
        return config
    for entry in known.values():
        if entry.settings == settings:
            return override(config, {"precision": entry.precision})
    chosen = choose_precision("auto", resolve_device(config.device))
    return override(config, {"precision": chosen.name})


def make_plan(
    inputs: Sequence[InputFile], entries: Mapping[str, Entry], settings: str, options: BatchOptions
) -> BatchPlan:
    """Compares what is asked for with what the manifest says is there.

    Args:
        inputs: All input files, of all shards.
        entries: What is finished, by name.
        settings: Fingerprint of the models and settings asked for.
        options: How the batch is done.

    Raises:
        ConfigError: If an output would replace an input.
    """
    _protect_inputs(inputs, options)
    jobs: list[Job] = []
    known: list[Entry] = []
    for file in inputs:
        if not options.shard.holds(file.name):
            continue
        outputs = options.outputs_of(file.name)
        entry = entries.get(file.name)
        content = None
        if entry is not None and entry.settings == settings and _are_there(entry, outputs):
            if _is_as_it_was(file, entry):
                known.append(entry)
                continue
            content = entry.content
        tag = options.shard.tag
        jobs.append(Job(file.path, file.name, file.num_bytes, outputs, tag, content))
    # The longest work begun last would be waited for alone.
    jobs.sort(key=lambda job: -job.num_bytes)
    return BatchPlan(tuple(jobs), tuple(known))


def _are_there(entry: Entry, outputs: Mapping[str, str]) -> bool:
    """Whether every output asked for is there, as large as it was written."""
    for kind, path in outputs.items():
        try:
            if Path(path).stat().st_size != entry.outputs.get(kind):
                return False
        except OSError:
            return False
    return True


def _is_as_it_was(file: InputFile, entry: Entry) -> bool:
    if str(Path(file.path).absolute()) != entry.path:
        return False
    try:
        return identify(file.path) == entry.identity
    except OSError:
        return False


def _protect_inputs(inputs: Sequence[InputFile], options: BatchOptions) -> None:
    real = {os.path.realpath(file.path) for file in inputs}
    folder = os.path.realpath(options.folder)
    for file in inputs:
        for path in options.outputs_of(file.name).values():
            if os.path.join(folder, os.path.relpath(path, options.folder)) in real:  # noqa: PTH118
                raise ConfigError(
                    f"the output '{path}' would replace a video that is read: give another --out"
                )
