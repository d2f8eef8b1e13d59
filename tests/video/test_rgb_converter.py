import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_PROGRAM = """
import sys
from pathlib import Path
import numpy
from vidcache.video import open_source

def count():
    return len(list(Path("/proc/self/task").iterdir()))

before = count()
with open_source(sys.argv[1]) as source:
    print(max(count() for frame in source) - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_pictures_are_converted_without_threads_that_gather(
    make_video: Callable[..., Path],
) -> None:
    path = make_video("clip.mp4", num_frames=60)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    # The one that decodes.
    assert int(done.stdout) <= 1
