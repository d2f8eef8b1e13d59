import os
from pathlib import Path

import pytest

from vidcache.batch import file_worker
from vidcache.batch.file_worker import FileWorker
from vidcache.batch.jobs import Done, Failed, Job, Stopped, Unchanged
from vidcache.video import read_jsonl


@pytest.fixture
def worker(small_config):
    return FileWorker(small_config)


@pytest.fixture
def job(tmp_path):
    """Makes a job for a file: ``job(path)``."""

    def _job(path, name="a", **fields):
        outputs = {"jsonl": str(tmp_path / "out" / f"{name}.jsonl")}
        return Job(str(path), name, 1, outputs, "1of1", **fields)

    return _job


def output_files(tmp_path):
    return sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file())


def test_a_file_is_done_whole(worker, job, small_video, tmp_path):
    done = worker.work(job(small_video))
    assert isinstance(done, Done)
    assert (done.num_frames, done.num_tainted, done.truncated) == (24, 0, False)
    path = tmp_path / "out" / "a.jsonl"
    assert done.num_bytes == {"jsonl": path.stat().st_size}
    assert read_jsonl(path).complete
    assert isinstance(worker.work(job(small_video, known_content=done.content)), Unchanged)


def test_a_limit_that_was_asked_for_does_not_count_as_cut(small_config, job, small_video):
    limited = small_config.model_copy(update={"max_frames": 5})
    done = FileWorker(limited).work(job(small_video))
    assert (done.num_frames, done.truncated) == (5, False)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("missing.mp4", "missing"),
        ("0", "missing"),
        ("empty.mp4", "empty"),
        ("text.mp4", "unreadable"),
        ("folder.mp4", "directory"),
        ("pipe.mp4", "unreadable"),
        ("empty.mp4/inner.mp4", "missing"),
        ("loop.mp4", "unreadable"),
    ],
)
def test_a_bad_file_is_told_with_its_cause(
    worker, job, small_video, tmp_path, monkeypatch, name, kind
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video\n" * 100)
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    failed = worker.work(job(name))
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.fatal) == (kind, False)
    assert name in failed.error
    assert "\n" not in failed.error
    assert output_files(tmp_path) == []
    # And the next file finds everything in order.
    assert worker.work(job(small_video)).num_frames == 24


def test_a_file_that_changes_meanwhile_is_not_done(
    worker, job, small_video, tmp_path, make_video, monkeypatch
):
    monkeypatch.setattr(file_worker, "_REPORT_SECONDS", 0.0)
    video = make_video(tmp_path / "growing.mp4", num_frames=30)
    failed = worker.work(job(video), lambda _: os.utime(video))
    assert (failed.kind, output_files(tmp_path)) == ("changed", [])


def test_a_stopped_file_leaves_nothing(worker, job, tmp_path, make_video, monkeypatch):
    monkeypatch.setattr(file_worker, "_REPORT_SECONDS", 0.0)
    video = make_video(tmp_path / "long.mp4", num_frames=200)
    assert isinstance(worker.work(job(video), lambda _: worker.stop()), Stopped)
    assert output_files(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_ends_the_batch(worker, job, small_video, tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda length: "0" * 2 * length)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jsonl.1of1-00000000.part").symlink_to("/dev/full")
    failed = worker.work(job(small_video))
    assert (failed.kind, failed.fatal) == ("output", True)
    assert "No space left" in failed.error
    assert output_files(tmp_path) == []


def test_a_name_that_is_too_long_concerns_its_file_only(worker, job, small_video):
    failed = worker.work(job(small_video, name="x" * 250))
    assert (failed.kind, failed.fatal) == ("output", False)
