import subprocess
import sys

import numpy as np
import pytest

from vidcache.errors import SinkError
from vidcache.frames import Frame, FrameResult
from vidcache.video import WindowSink


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are told by variables")
def test_without_a_display_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(SinkError, match="there is no display"):
        WindowSink().open({"source": "camera"})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are told by variables")
def test_a_display_that_does_not_answer_does_not_end_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DISPLAY", ":4242")
    with pytest.raises(SinkError, match="':4242' does not answer"):
        WindowSink().open({"source": "camera"})


def test_a_window_that_was_not_opened_takes_nothing() -> None:
    frame = Frame(np.zeros((8, 8, 3), np.uint8), 0, 0.0)
    with pytest.raises(SinkError, match="call open"):
        WindowSink().write(frame, FrameResult(0, 0.0, "walk", ()))


def test_closing_a_window_that_never_opened_is_fine() -> None:
    with WindowSink() as sink:
        assert not sink.closed
    assert sink.closed


def test_importing_the_package_loads_neither_pyav_nor_opencv() -> None:
    program = "import sys, vidcache.video; sys.exit(bool({'av', 'cv2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
