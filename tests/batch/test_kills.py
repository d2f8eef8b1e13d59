"""Batches on good and bad files that are killed in the middle: complete in the end."""

import pytest
from batch_lab import (
    BAD_WAYS,
    BatchRun,
    check_folder,
    count_lines,
    half_files,
    make_files,
    result_lines,
)

from vidcache.video import JsonlSink, open_source

pytestmark = pytest.mark.usefixtures("obeys_permissions")


def assert_equal_to_a_plain_run(out, inputs, expected, config):
    from vidcache.pipeline import Pipeline

    pipeline = Pipeline.from_config(config)
    for file in expected:
        if file.outcome == "failed":
            continue
        alone = out / "alone.jsonl"
        with open_source(file.path) as source:
            for _ in pipeline.run(source, sinks=[JsonlSink(alone)]):
                pass
        name = file.path.relative_to(inputs).with_suffix(".jsonl")
        assert result_lines(out / name) == result_lines(alone), file


def test_a_batch_that_is_killed_and_run_again_is_complete(tmp_path, small_config, small_model_path):
    inputs, out = tmp_path / "in", tmp_path / "out"
    expected = make_files(inputs, len(BAD_WAYS) + 3, seed=1)
    command = [inputs, "--out", out, "--model", small_model_path]
    command += ["--detector", "none", "--precision", "fp32", "--workers"]
    with BatchRun([*command, 2], tmp_path / "log") as run:
        run.wait_until(lambda: count_lines(out / "manifest.jsonl") >= 2)
        run.kill()
    assert half_files(out) == []
    with BatchRun([*command, 1], tmp_path / "log") as run:
        code = run.wait()
    assert code == 3, (tmp_path / "log").read_text()
    assert check_folder(out, inputs, expected) == []
    assert_equal_to_a_plain_run(out, inputs, expected, small_config)
