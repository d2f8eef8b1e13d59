import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import socket, sys
attempts = []
def refuse(*args, **kwargs):
    attempts.append(args)
    raise OSError("the network is closed")
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
for name in ("getaddrinfo", "gethostbyname", "create_connection"):
    setattr(socket, name, refuse)

import os, subprocess
real = subprocess.Popen.__init__
def noted(self, args, *rest, **kwargs):
    if "pip" in str(args) or "uv" in str(args).split():
        attempts.append(("process", args))
    real(self, args, *rest, **kwargs)
subprocess.Popen.__init__ = noted

import cv2
import numpy as np
import torch
def settings():
    return (torch.save, np.get_printoptions(), str(torch.tensor([1.23456789])),
            os.environ.get("OMP_NUM_THREADS"), cv2.getNumThreads())
before = settings()
from vidcache.tracking import UltralyticsTracker
assert "ultralytics" not in sys.modules, "imported before it is used"
tracker = UltralyticsTracker(sys.argv[1])
tracker.update(np.zeros((64, 64, 3), np.uint8))
after = settings()
assert before == after, "the import changed something global"
from ultralytics.utils import SETTINGS
from ultralytics.utils.events import events
assert not SETTINGS["sync"] and not events.enabled
assert not attempts, attempts
"""


@pytest.fixture(scope="module")
def first_use(untrained_model, tmp_path_factory):
    """Home and working directory after a process has made a tracker and used it."""
    home = tmp_path_factory.mktemp("home")
    (home / "work").mkdir()
    environment = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "TMPDIR": str(home),
        "VIDCACHE_CACHE": str(home / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(untrained_model)],
        cwd=home / "work", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return home, done


def test_first_use_makes_no_network_attempt_and_changes_nothing_global(first_use):
    _, done = first_use
    assert done.returncode == 0, done.stderr


def test_first_use_is_quiet(first_use):
    _, done = first_use
    assert done.stdout == ""
    assert done.stderr == ""


def test_first_use_writes_only_into_the_cache_folder(first_use):
    home, _ = first_use
    written = {path.relative_to(home) for path in home.rglob("*") if path.is_file()}
    assert {path.parts[0] for path in written} == {"cache"}
    # And which engine is fastest, and what it made of the model, where there are several.
    others = {path for path in written if path.parts[1] not in ("fastest.json", "graphs")}
    assert others == {Path("cache/Ultralytics/settings.json")}


def test_the_settings_on_disk_do_not_send_anything_either(first_use):
    home, _ = first_use
    assert '"sync": false' in (home / "cache" / "Ultralytics" / "settings.json").read_text()
