# pyright: basic
"""What must hold when a batch is over, however often it was killed."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from batch_lab.files import Expected

__all__ = ["check_folder", "half_files", "result_lines"]


def check_folder(out: Path, inputs: Path, expected: Iterable[Expected]) -> list[str]:
    """Compares a batch's folder with what must be in it; returns what is wrong, a line each."""
    wrong: list[str] = []
    done = Counter(record["name"] for record in _records(out / "manifest.jsonl"))
    errors = {record["path"]: record for record in _records(out / "errors.jsonl")}
    names: set[str] = set()
    for file in expected:
        name = file.path.relative_to(inputs).with_suffix("").as_posix()
        error = errors.pop(str(file.path), None)
        wrong += [f"{file.way}: {text}" for text in _wrong_error(file, error)]
        if file.outcome == "failed":
            if done[name]:
                wrong.append(f"{file.way}: it stands in the manifest")
            continue
        names.add(name)
        if done[name] != 1:
            wrong.append(f"{name} ({file.way}): done {done[name]} times by the manifest")
        if not _is_whole(out / f"{name}.jsonl"):
            wrong.append(f"{name} ({file.way}): its results are not whole")
    wrong += [f"{path}: it is no bad file: {record['error']}" for path, record in errors.items()]
    there = {path.relative_to(out).with_suffix("").as_posix() for path in out.rglob("*.jsonl")}
    wrong += [f"{name}: results of nothing" for name in there - names - {"manifest", "errors"}]
    wrong += [f"{path}: a part was left" for path in out.rglob("*.part")]
    return wrong


def half_files(out: Path) -> list[str]:
    """Results under a final name that are not whole."""
    own = {out / "manifest.jsonl", out / "errors.jsonl"}
    return [str(path) for path in out.rglob("*.jsonl") if path not in own and not _is_whole(path)]


def result_lines(path: Path) -> list[str]:
    """Frames, events and discontinuities of a file of results, as written; none if it is absent."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if json.loads(line)["type"] not in ("header", "end")]


def _wrong_error(file: Expected, error: dict[str, object] | None) -> list[str]:
    if file.outcome == "done":
        return [] if error is None else [f"listed as an error: {error['error']}"]
    if error is None:
        return ["not listed as an error"]
    text = str(error["error"])
    if error["kind"] != file.kind or file.says not in text or "\n" in text:
        return [f"listed with another cause: {error['kind']}: {text}"]
    return []


def _records(path: Path) -> list[dict[str, object]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _is_whole(path: Path) -> bool:
    try:
        kinds = [record["type"] for record in _records(path)]
    except ValueError:
        return False
    return bool(kinds) and kinds[0] == "header" and kinds[-1] == "end"
