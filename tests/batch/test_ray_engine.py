"""The same work on a real Ray cluster on this machine, one of its workers killed in the middle."""

import pytest
from batch_lab import BAD_WAYS, BatchRun, check_folder, make_files

from vidcache.batch import Batch, BatchOptions
from vidcache.errors import VidcacheError

pytest.importorskip("ray", reason="needs the extra 'ray'")
pytestmark = pytest.mark.usefixtures("obeys_permissions")


def test_a_batch_whose_ray_worker_is_killed_is_complete(tmp_path, small_model_path, make_video):
    inputs, out = tmp_path / "in", tmp_path / "out"
    expected = make_files(inputs, len(BAD_WAYS) + 2, seed=2)
    # Long enough that its worker is killed while it works on it.
    long = tmp_path / "in" / "long.mp4"
    make_video(long, num_frames=3000)
    expected.append(type(expected[0])(long, "good"))
    command = [inputs, "--out", out, "--model", small_model_path, "--engine", "ray"]
    command += ["--detector", "none", "--precision", "fp32", "--workers", 2]
    with BatchRun(command, tmp_path / "log") as run:
        assert run.wait_until(lambda: any(out.rglob("long.jsonl.*.part")))
        workers = set(run.workers())
        assert len(workers) == 2
        for _ in range(len(workers)):
            run.kill_worker()
        code = run.wait()
    assert code == 3, (tmp_path / "log").read_text()
    assert check_folder(out, inputs, expected) == []


def test_a_cluster_that_is_not_there_is_told(tmp_path, small_config, small_video):
    options = BatchOptions(tmp_path / "out", engine="ray", ray_address="127.0.0.1:1")
    with pytest.raises(VidcacheError, match=r"no Ray cluster at '127\.0\.0\.1:1'"):
        Batch(small_config, options).run([str(small_video)])
