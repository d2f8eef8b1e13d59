"""`vidcache run --prefix-cache DIR`."""

from vidcache.video import read_jsonl


def test_a_second_run_of_a_file_knows_its_frames(call, tmp_path, small_video, small_model_path):
    folder, files = tmp_path / "prefixes", [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in files:
        code, out, err = call(
            *("run", small_video, "--model", small_model_path, "--detector", "none"),
            *("--prefix-cache", folder, "--jsonl", path),
        )
        assert (code, err) == (0, "")
    assert "known from earlier runs: 24 frames" in out
    first, second = map(read_jsonl, files)
    assert [r.actions for r in first.frames] == [r.actions for r in second.frames]
    assert [r.end["cache"]["prefix"]["frames"] for r in (first, second)] == [0, 24]
    assert second.end["cache"]["prefix"]["nbytes_disk"] > 0
    assert first.end["cache"]["appended"] == second.end["cache"]["appended"] == 24


def test_a_folder_that_cannot_be_made_is_wrong_use(call, tmp_path, small_video, small_model_path):
    path = tmp_path / "file"
    path.write_text("")
    code, out, err = call(
        *("run", small_video, "--model", small_model_path, "--detector", "none"),
        *("--prefix-cache", path),
    )
    assert (code, out) == (2, "")
    assert "give a folder" in err
