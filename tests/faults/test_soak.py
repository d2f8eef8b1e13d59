"""The soak that runs for twenty minutes, in short."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "soak.py"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_short_soak_accounts_for_every_frame(small_model_path: Path) -> None:
    arguments = ["--minutes", "0.15", "--size", "96x64", "--model", str(small_model_path)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"Memory: [\d.]+ MiB .* [+-][\d.]+ %", done.stdout)
    accounts = re.findall(r"^\| (\d) \| (\d+) \| (\d+) \| .* \| yes \|$", done.stdout, re.M)
    assert [camera for camera, _, _ in accounts] == ["0", "1"]
    for _, due, sent in accounts:
        # The camera keeps its own speed, whatever is done with its pictures.
        assert int(sent) == pytest.approx(int(due), abs=10)
        assert int(sent) > 60
    assert "ended with code 130" in done.stdout
