"""Whole batches on worker processes: what is done, left, done again, and told."""

import json
import multiprocessing
import os
import signal
import threading
import time

import pytest

from vidcache.batch import Batch, BatchOptions
from vidcache.batch.folder_lock import FolderLock
from vidcache.batch.inputs import Shard
from vidcache.config import override
from vidcache.errors import ConfigError, ModelError, SinkError
from vidcache.video import read_jsonl


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def long_video(tmp_path, make_video):
    """A video that keeps a worker busy for a while: 4,000 frames."""
    folder = tmp_path / "long"
    folder.mkdir()
    return make_video(folder / "long.mp4", num_frames=4000, size=(64, 48))


def test_a_batch_does_what_is_missing_and_nothing_else(video_folder, small_config, tmp_path):
    out = tmp_path / "out"
    options = BatchOptions(out, kinds=("csv",), num_workers=2)
    report = Batch(small_config, options).run([str(video_folder)])
    assert (report.progress.num_done, report.num_workers, report.errors_path) == (4, 2, None)
    assert sorted(entry["name"] for entry in lines(out / "manifest.jsonl")) == [
        *("mon/a", "mon/b", "tue/a", "tue/deep/c")
    ]
    recording = read_jsonl(out / "tue" / "deep" / "c.jsonl")
    assert recording.end["frames"] == 24
    assert recording.header["source"] == str(video_folder / "tue" / "deep" / "c.mp4")
    assert (out / "tue" / "deep" / "c.csv").stat().st_size > 0

    # A touched file is read, not done; a new one is done; the rest is not looked at.
    (video_folder / "mon" / "a.mp4").touch()
    (video_folder / "mon" / "b.mkv").rename(video_folder / "mon" / "new.mkv")
    before = (out / "mon" / "a.jsonl").stat().st_mtime_ns
    again = Batch(small_config, options).run([str(video_folder)])
    assert (again.progress.num_known, again.progress.num_done) == (3, 1)
    assert (out / "mon" / "a.jsonl").stat().st_mtime_ns == before
    third = Batch(small_config, options).run([str(video_folder)])
    assert (third.progress.num_known, third.progress.num_done, third.progress.share) == (4, 0, 1.0)


def test_a_worker_that_dies_is_replaced_and_its_file_done(long_video, small_config, tmp_path):
    killed = []

    def kill_once(progress):
        if not killed and progress.num_frames:
            (worker,) = multiprocessing.active_children()
            killed.append(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    batch = Batch(small_config, BatchOptions(tmp_path / "out", num_workers=2))
    report = batch.run([str(long_video)], on_progress=kill_once)
    assert killed
    assert (report.progress.num_done, report.progress.num_failed) == (1, 0)
    assert report.progress.num_frames == 4000
    assert list((tmp_path / "out").rglob("*.part")) == []
    assert multiprocessing.active_children() == []


def test_a_file_that_kills_its_workers_is_given_up_with_the_cause(
    long_video, small_config, tmp_path
):
    killed = set()

    def kill_each(progress):
        for worker in multiprocessing.active_children():
            if progress.num_frames and worker.pid not in killed:
                killed.add(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

    report = Batch(small_config, BatchOptions(tmp_path / "out")).run(
        [str(long_video)], on_progress=kill_each
    )
    assert len(killed) == 3
    assert report.progress.num_failed == 1
    (error,) = lines(tmp_path / "out" / "errors.jsonl")
    assert error["kind"] == "worker_died"
    assert "died (signal 9, SIGKILL)" in error["error"]
    assert "3 times" in error["error"]
    assert list((tmp_path / "out").rglob("long*")) == []


def test_a_file_that_takes_too_long_is_left(long_video, small_config, tmp_path):
    options = BatchOptions(tmp_path / "out", num_workers=1, file_timeout=0.2)
    report = Batch(small_config, options).run([str(long_video)])
    assert report.progress.num_failed == 1
    (error,) = lines(tmp_path / "out" / "errors.jsonl")
    assert error["kind"] == "timeout"
    assert "within 0.2 s" in error["error"]


def test_a_batch_that_is_stopped_leaves_no_half_file(long_video, small_config, tmp_path):
    batch = Batch(small_config, BatchOptions(tmp_path / "out"))
    report = batch.run(
        [str(long_video)], on_progress=lambda progress: progress.num_frames and batch.stop()
    )
    assert report.interrupted
    assert (report.progress.num_done, report.progress.num_failed) == (0, 0)
    assert list((tmp_path / "out").rglob("long*")) == []
    assert multiprocessing.active_children() == []


def test_it_can_be_stopped_while_the_models_are_loaded(long_video, small_config, tmp_path):
    batch = Batch(small_config, BatchOptions(tmp_path / "out"))

    def stop():
        wait_for(multiprocessing.active_children)
        batch.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    report = batch.run([str(long_video)])
    thread.join()
    assert report.interrupted
    assert multiprocessing.active_children() == []


def test_the_first_bad_file_ends_it_where_that_is_asked_for(long_video, small_config, tmp_path):
    (long_video.parent / "bad.mp4").write_bytes(b"x" * 10_000_000)
    options = BatchOptions(tmp_path / "out", num_workers=1, on_error="fail")
    report = Batch(small_config, options).run([str(long_video.parent)])
    assert "bad.mp4" in report.failure
    assert report.progress.num_done == 0


def test_a_model_that_cannot_be_loaded_is_told(video_folder, small_config, tmp_path):
    def run(model):
        config = override(small_config, {"model": str(model)})
        Batch(config, BatchOptions(tmp_path / "out")).run([str(video_folder)])

    with pytest.raises(ModelError, match="no_such_model"):
        run("no_such_model")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"x" * 100)
    with pytest.raises(ModelError, match=r"broken\.safetensors"):
        run(broken)


def test_a_second_batch_in_the_folder_is_refused(long_video, small_config, tmp_path):
    (tmp_path / "out").mkdir()
    with (
        FolderLock(tmp_path / "out", Shard()),
        pytest.raises(SinkError, match="another batch is writing"),
    ):
        Batch(small_config, BatchOptions(tmp_path / "out")).run([str(long_video)])


def test_nothing_to_work_on_is_an_error(small_config, tmp_path):
    with pytest.raises(ConfigError, match="no files"):
        Batch(small_config, BatchOptions(tmp_path / "out")).run([])
