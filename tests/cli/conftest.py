import json
import os
import subprocess
import sys

import pytest

from vidcache.cli.app import run_app


@pytest.fixture
def call(capfd):
    """Runs a command line in this process: exit code, standard output, standard error."""

    def _call(*args):
        capfd.readouterr()
        code = run_app([str(arg) for arg in args])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return _call


@pytest.fixture
def head_file(tmp_path):
    """A file with the settings of a camera head."""
    path = tmp_path / "head.yaml"
    path.write_text(
        "in_features: 384\n"
        "width: 384\n"
        "depth: 4\n"
        "num_heads: 6\n"
        "num_iterations: 4\n"
        "num_outputs: 16\n"
        "eviction: {policy: SinkWindow, window: 64, sink_frames: 1}\n"
    )
    return path


@pytest.fixture
def start(tmp_path):
    """Starts the program as a process of its own, in an empty folder; kills it at the end."""
    started = []

    def _start(*args, block=(), **options):
        environment = dict(os.environ, VIDCACHE_OFFLINE="1", PYTHONUNBUFFERED="1")
        if block:
            # Python imports a module of this name at its start.
            folder = tmp_path / "blocked"
            folder.mkdir(exist_ok=True)
            (folder / "sitecustomize.py").write_text(
                f"import sys\nfor name in {list(block)}: sys.modules[name] = None\n"
            )
            environment["PYTHONPATH"] = str(folder)
        command = [sys.executable, "-c", "from vidcache.cli import main; main()"]
        process = subprocess.Popen(
            command + [str(arg) for arg in args],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield _start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def records():
    """Reads JSON lines, refusing what strict JSON does not know."""

    def _refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    def _records(text):
        return [json.loads(line, parse_constant=_refuse) for line in text.splitlines()]

    return _records
