import subprocess
import sys

import pytest

from vidcache.batch.folder_lock import FolderLock
from vidcache.batch.inputs import Shard
from vidcache.errors import SinkError

pytest.importorskip("fcntl", reason="this system has no such locks")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Shard(), Shard()),
        (Shard(1, 2), Shard(1, 2)),
        (Shard(), Shard(1, 2)),
        (Shard(1, 2), Shard()),
    ],
)
def test_a_second_run_on_the_same_files_is_refused(tmp_path, first, second):
    with FolderLock(tmp_path, first), pytest.raises(SinkError, match="another batch is writing"):
        FolderLock(tmp_path, second).__enter__()
    with FolderLock(tmp_path, second):
        pass


def test_shards_share_a_folder(tmp_path):
    with FolderLock(tmp_path, Shard(1, 2)), FolderLock(tmp_path, Shard(2, 2)):
        pass


def test_a_killed_run_leaves_no_lock(tmp_path):
    program = (
        "import sys, time; from pathlib import Path\n"
        "from vidcache.batch.folder_lock import FolderLock\n"
        "from vidcache.batch.inputs import Shard\n"
        "with FolderLock(Path(sys.argv[1]), Shard()):\n"
        "    print('locked', flush=True); time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(SinkError):
            FolderLock(tmp_path, Shard()).__enter__()
    finally:
        process.kill()
        process.communicate()
    with FolderLock(tmp_path, Shard()):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(SinkError, match="cannot write in"):
        FolderLock(tmp_path / "missing", Shard()).__enter__()
