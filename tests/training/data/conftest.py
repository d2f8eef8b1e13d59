import shutil

import pytest
import yaml


@pytest.fixture
def make_set(tmp_path):
    """Writes a data set: empty files as videos, a CSV of labels, and a YAML file if asked for.

    ``make_set(["a.mp4"], "a,0,1,walk", labels=["walk"])`` returns the YAML file's path; the CSV is
    ``labels.csv`` and the videos lie in ``clips``.
    """

    def _make(clip_names, rows, *, columns="video,start,end,label", **keys):
        clips = tmp_path / "clips"
        for name in clip_names:
            path = clips / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        (tmp_path / "labels.csv").write_text(f"{columns}\n{rows}\n", encoding="utf-8")
        values = {"videos": "clips", "annotations": "labels.csv"} | keys
        path = tmp_path / "set.yaml"
        path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        return path

    return _make


@pytest.fixture
def real_clips(tmp_path, small_video):
    """Copies a video of two seconds into ``clips`` under each name that is given."""

    def _copy(*names):
        for name in names:
            path = tmp_path / "clips" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(small_video, path)

    return _copy
