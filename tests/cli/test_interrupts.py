"""Ctrl-C, SIGTERM, SIGKILL and a reader that leaves: what was written stays readable."""

import signal
import time

import av
import pytest

from vidcache.video import read_jsonl

ENDLESS = "lavfi:testsrc2=size=96x64:rate=20,realtime"


def num_frames(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def wait_for_lines(path, count, process):
    """Waits until the results have so many lines."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if path.exists() and path.read_text().count("\n") >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not get {count} lines")


@pytest.fixture
def endless(start, tmp_path, small_model_path):
    """A run on a camera that never ends, some frames under way."""
    jsonl, video = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    process = start(
        *("run", ENDLESS, "--model", small_model_path, "--detector", "none"),
        *("--jsonl", jsonl, "--video", video),
    )
    wait_for_lines(jsonl, 60, process)
    return process, jsonl, video


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_every_output_and_exits_130(endless, number):
    process, jsonl, video = endless
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    recording = read_jsonl(jsonl)
    assert recording.end["truncated"] is True
    assert recording.end["frames"] == len(recording.frames) == num_frames(video)


def test_a_request_that_arrives_twice_is_one(endless):
    process, jsonl, _ = endless
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert read_jsonl(jsonl).end["truncated"] is True


def test_a_second_signal_ends_at_once(endless):
    process, jsonl, _ = endless
    process.send_signal(signal.SIGINT)
    time.sleep(0.4)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert len(read_jsonl(jsonl).frames) >= 50


def test_a_killed_run_leaves_readable_outputs(endless):
    process, jsonl, video = endless
    process.kill()
    process.communicate(timeout=60)
    recording = read_jsonl(jsonl)
    assert recording.end is None
    assert len(recording.frames) >= 55
    assert num_frames(video) >= 20


def test_ctrl_c_while_loading_exits_130_without_a_traceback(start, small_model_path, tmp_path):
    process = start("run", ENDLESS, "--model", small_model_path, "--detector", "none")
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_a_reader_that_leaves_ends_the_run_quietly(start, small_model_path, records):
    process = start("run", ENDLESS, "--model", small_model_path, "--detector", "none")
    lines = [process.stdout.readline() for _ in range(3)]
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert [record["type"] for record in records("".join(lines))][:2] == ["header", "frame"]


def test_a_reader_that_leaves_before_the_summary_is_no_failure(
    start, small_video, small_model_path, tmp_path
):
    jsonl = tmp_path / "out.jsonl"
    process = start(
        *("run", small_video, "--model", small_model_path, "--detector", "none"),
        *("--jsonl", jsonl),
    )
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert read_jsonl(jsonl).complete
