"""What the library logs is shown as messages, while a command runs and no longer."""

import logging
import subprocess
import sys

from vidcache.cli.console import show_log


def test_a_log_is_shown_line_by_line_while_the_block_runs(capsys):
    log = logging.getLogger("vidcache.somewhere")
    with show_log():
        log.debug("not of interest")
        log.info("measuring")
        log.warning("%s is full;\nthe run goes on", "the disk")
    log.info("nobody is there")
    assert capsys.readouterr().err == (
        "vidcache: measuring\nvidcache: warning: the disk is full; the run goes on\n"
    )


def test_a_log_that_nobody_can_read_stops_nothing(monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    with show_log():
        logging.getLogger("vidcache").warning("something")


def test_the_module_is_the_command():
    told = subprocess.run(
        [sys.executable, "-m", "vidcache", "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage: vidcache" in told.stdout
