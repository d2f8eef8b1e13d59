import logging
import subprocess
import sys
import threading

import pytest

from vidcache.video.decoder_log import DecoderLog

av_logging = pytest.importorskip("av.logging")


def test_each_thread_hears_its_own_decoder_even_the_same_words() -> None:
    heard: list[bool] = []
    entered, spoken = threading.Barrier(2), threading.Barrier(2)

    def decode(*, says: str | None) -> None:
        with DecoderLog() as log:
            entered.wait(30)
            if says is not None:
                av_logging.log(av_logging.ERROR, "h264", says)
                av_logging.log(av_logging.ERROR, "h264", says)
            spoken.wait(30)
            heard.append((says is not None) == log.take_damage())
            assert not log.take_damage()

    for words in (None, "error while decoding MB 1 2"):
        threads = [
            threading.Thread(target=decode, kwargs={"says": text})
            for text in (words, "error while decoding MB 1 2")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert heard == [True] * 4


@pytest.mark.parametrize(
    ("level", "text", "damage"),
    [
        (av_logging.ERROR, "error while decoding MB 20 9, bytestream 32", True),
        (av_logging.WARNING, "RTP: missed 3 packets", True),
        (av_logging.WARNING, "Packet corrupt (stream = 0, dts = 27000).", True),
        (av_logging.WARNING, "Continuity check failed for pid 256 expected 4 got 7", True),
        (av_logging.WARNING, "deprecated pixel format used", False),
        (av_logging.ERROR, "SEI type 5 size 2208 truncated at 24", False),
    ],
)
def test_damage_is_told_from_talk(level: int, text: str, damage: bool) -> None:
    with DecoderLog() as log:
        av_logging.log(level, "decoder", text)
        assert log.take_damage() is damage


def test_a_transfer_that_is_repeated_damages_nothing() -> None:
    with DecoderLog() as log:
        av_logging.log(av_logging.ERROR, "http", "Stream ends prematurely at 139, should be 200")
        assert not log.take_damage()


def test_nothing_reaches_stderr_from_threads_that_nobody_listens_to() -> None:
    program = (
        "import av.logging, logging\n"
        "from vidcache.video.decoder_log import DecoderLog\n"
        "with DecoderLog(): pass\n"
        "av.logging.log(av.logging.ERROR, 'rtsp', 'method DESCRIBE failed')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert logging.getLogger("libav").handlers
