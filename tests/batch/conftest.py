"""Folders of good and bad files, and batches on them; see `batch_lab` in the folder ``scripts``."""

import pytest


@pytest.fixture
def video_folder(tmp_path, make_video):
    """Four small videos in two folders."""
    folder = tmp_path / "clips"
    for number, name in enumerate(("mon/a.mp4", "mon/b.mkv", "tue/a.mp4", "tue/deep/c.mp4")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        make_video(folder / name, num_frames=12 + 4 * number)
    return folder


@pytest.fixture
def small_config(small_model_path):
    """Settings that are quick to load and to run."""
    from vidcache.config import Config

    return Config(model=str(small_model_path), detector="none", precision="fp32")


@pytest.fixture
def obeys_permissions():
    """Skips where the superuser cannot be denied a file."""
    from batch_lab import run_command

    try:
        run_command("--help")
    except RuntimeError as error:
        pytest.skip(str(error))
