import shutil

import pytest


@pytest.fixture
def clips(tmp_path, small_video):
    """A folder with two labels, five videos each."""
    for label in ("walk", "wave"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for number in range(5):
            shutil.copyfile(small_video, tmp_path / "clips" / label / f"{number}.mp4")
    return tmp_path / "clips"


def test_a_check_prints_a_table_and_draws_a_picture(call, clips, tmp_path):
    code, out, err = call("data", "check", clips, "--picture", tmp_path / "times.png")
    assert code == 0
    assert "10 videos, 2 labels (one at a time)" in out
    assert "train: 8 videos, 16.0 seconds" in out
    assert ["walk", "4", "4", "8.0", "50.0%", "2.00"] in [line.split() for line in out.splitlines()]
    assert "validation: 2 videos" in out
    assert (tmp_path / "times.png").read_bytes().startswith(b"\x89PNG")
    assert err.splitlines() == [f"vidcache: wrote {tmp_path / 'times.png'}"]


def test_a_check_of_a_data_set_with_mistakes_lists_each_and_fails(call, clips):
    (clips / "run").mkdir()
    (clips / "walk" / "0.mp4").write_bytes(b"nonsense")
    code, out, err = call("data", "check", clips)
    assert code == 1
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("vidcache: error: ")
    assert "run: there is no video in this label's folder" in lines[0]
    assert "0.mp4" in lines[1]
    assert lines[2].endswith("clips: 2 mistakes")


def test_a_picture_in_no_folder_is_refused_before_anything_is_read(call, tmp_path):
    code, _, err = call("data", "check", tmp_path / "none", "--picture", tmp_path / "no" / "x.png")
    assert code == 2
    assert "is no folder" in err
