"""`vidcache run --feature-cache DIR`, and `vidcache batch`."""

import pytest

from vidcache.video import read_jsonl


@pytest.fixture
def run(call, tmp_path, small_model_path):
    """Runs a source and returns what was printed and its results."""

    def _run(source, *flags):
        path = tmp_path / "out.jsonl"
        code, out, error = call(
            "run", source, "--model", small_model_path, "--detector", "none", "--jsonl", path,
            *flags,
        )  # fmt: skip
        assert code == 0, error
        return out, read_jsonl(path)

    return _run


def test_a_second_run_encodes_nothing_and_says_so(run, small_video, tmp_path):
    _, plain = run(small_video)
    out, first = run(small_video, "--feature-cache", tmp_path / "known")
    assert "not encoded again" not in out
    out, second = run(small_video, "--feature-cache", tmp_path / "known")
    assert first.frames == second.frames == plain.frames
    assert second.end["cache"]["features"]["hits"] == {"memory": 0, "disk": 24, "near": 0}
    assert "not encoded again: 100 % of 24 pictures (24 disk)" in out


def test_pictures_are_kept_in_memory_unless_that_is_switched_off(run, small_video, tmp_path):
    settings = tmp_path / "off.yaml"
    settings.write_text("encoder: {cache: {memory_mb: 0}}")
    assert run(small_video)[1].end["cache"]["features"]["nbytes"]["memory"] > 0
    assert "features" not in run(small_video, "--config", settings)[1].end["cache"]
    assert "features" not in run(small_video, "--reuse")[1].end["cache"]


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_folder_that_cannot_be_used_is_refused_in_one_line(
    call, small_video, small_model_path, tmp_path, as_folder
):
    path = tmp_path / "file"
    path.touch()
    code, out, error = call(
        "run", small_video, "--model", small_model_path, "--detector", "none",
        "--feature-cache", path / "known" if as_folder else path,
    )  # fmt: skip
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "give a folder that can be written" in error


def test_token_reuse_and_a_feature_cache_contradict_each_other(
    call, small_video, small_model_path, tmp_path
):
    code, _, error = call(
        "run", small_video, "--model", small_model_path, "--detector", "none",
        "--reuse", "--feature-cache", tmp_path / "known",
    )  # fmt: skip
    assert (code, error.count("\n")) == (2, 1)
    assert "leave one of them out" in error


def test_a_batch_uses_it_and_its_results_stay_what_they_are(
    call, small_video, small_model_path, make_video, tmp_path
):
    clips = tmp_path / "clips"
    clips.mkdir()
    for number in range(3):
        # The beginnings are equal, and what is encoded once serves all of them.
        make_video(clips / f"{number}.mp4", num_frames=12 + 4 * number)
    known = tmp_path / "known"
    flags = ("--model", small_model_path, "--detector", "none", "--workers", 1)
    assert call("batch", clips, "--out", tmp_path / "plain", *flags)[0] == 0
    flags += ("--feature-cache", known)
    for out in ("one", "two"):
        assert call("batch", clips, "--out", tmp_path / out, *flags)[0] == 0
    hits = []
    for number in range(3):
        plain, one, two = (
            read_jsonl(tmp_path / out / f"{number}.jsonl") for out in ("plain", "one", "two")
        )
        assert plain.frames == one.frames == two.frames
        hits.append(two.end["cache"]["features"]["hit_rate"])
    assert hits == [1.0, 1.0, 1.0]
    # Where features lie decides nothing about results, so what is done stays done.
    code, out, _ = call("batch", clips, "--out", tmp_path / "plain", *flags)
    assert code == 0
    assert "3 of them before" in out
