"""The whole way: labelled videos are made, checked and learnt, and the model is judged and run."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from vidcache.model import TextLabels

SCRIPTS = Path(__file__).parents[2] / "scripts"
ACTIONS = ("crouch", "jumping jacks")


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """A data set like that of the tutorial, but of two actions in 14 short clips."""
    pytest.importorskip("pybullet_data", reason="needs the extra 'train'")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        script = importlib.import_module("make_tutorial_data")
    folder = tmp_path_factory.mktemp("tutorial")
    script.make_data(folder, actions=ACTIONS, clips={"train": 5, "test": 2}, seconds=2.0)
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Settings of a training that takes seconds."""
    path = tmp_path_factory.mktemp("settings") / "train.yaml"
    head = {"width": 32, "depth": 1, "num_heads": 2, "num_iterations": 2, "window": 16}
    path.write_text(yaml.safe_dump({"epochs": 6, "least_batches": 4, "head": head}))
    return path


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Text labels of the two actions, and others of the same text tower."""
    rows = dict(zip(("down", "apart"), np.eye(2, 12), strict=True))
    folder = tmp_path_factory.mktemp("texts")
    for name, labels in (("known", ACTIONS), ("others", ("squat", "star"))):
        TextLabels.from_prompts(
            labels, list(rows.values()), scale=2.3, bias=-3.0, activation="softmax", tower="unit"
        ).save(folder / f"{name}.npz")
    return folder


def test_a_model_is_taught_judged_and_run(call, tutorial, settings, tmp_path, records):
    data, out = tutorial / "data.yaml", tmp_path / "model"
    store = ("--store", tmp_path / "features")
    code, told, err = call("data", "check", data)
    assert code == 0, err
    assert all(label in told for label in ("nothing", *ACTIONS))
    code, told, err = call("train", data, "--out", out, "--config", settings, *store)
    assert code == 0, err
    assert f"--model {out}" in told
    code, told, err = call("eval", data, "--model", out, "--out", tmp_path / "eval", *store)
    assert code == 0, err
    found = json.loads((tmp_path / "eval" / "evaluation.json").read_text())
    assert found["mean_average_precision"] > 0.4
    clip = tutorial / "videos" / "test_jumping_jacks_1.mp4"
    code, told, err = call("run", clip, "--model", out, "--detector", "none", "--jsonl", "-")
    assert code == 0, err
    header, *frames, end = records(told)
    assert header["labels"] == ["nothing", *ACTIONS]
    assert sum(record["type"] == "frame" for record in frames) == end["frames"] == 25


def test_a_model_that_is_taught_texts_runs_with_others(
    call, tutorial, settings, texts, tmp_path, records
):
    data, out = tutorial / "data.yaml", tmp_path / "model"
    code, _, err = call(
        *("train", data, "--out", out, "--config", settings, "--text-labels", texts / "known.npz")
    )
    assert code == 0, err
    clip = tutorial / "videos" / "test_crouch_1.mp4"
    watch = ("run", clip, "--model", out, "--detector", "none", "--jsonl", "-")
    told = {}
    for name in ("known", "others"):
        code, results, err = call(*watch, "--labels", texts / f"{name}.npz")
        assert code == 0, err
        header, *found = records(results)
        frames = [record["actions"] for record in found if record["type"] == "frame"]
        told[name] = header["labels"], [sorted(a["score"] for a in actions) for actions in frames]
    judge = ("eval", data, "--model", out, "--out", tmp_path / "eval", "--store", out / "features")
    assert call(*judge, "--labels", texts / "known.npz")[0] == 0
    code, _, err = call(*judge, "--labels", texts / "others.npz")
    assert code == 1
    assert "labels that the model does not know: crouch, jumping jacks" in err
    assert told["known"][0] == ["nothing", *ACTIONS]
    assert told["others"][0] == ["nothing", "squat", "star"]
    # They are called otherwise, and mean the same.
    assert told["known"][1] == told["others"][1]
    _, plain, _ = call(*watch)
    assert records(plain)[0]["labels"] == ["nothing", *ACTIONS]


def test_labels_without_a_text_are_named(call, tutorial, texts, tmp_path):
    out = ("--out", tmp_path / "model")
    code, _, err = call(
        "train", tutorial / "data.yaml", *out, "--text-labels", texts / "others.npz"
    )
    assert code == 2
    assert "there is no text label 'crouch'" in err
    code, _, err = call("run", "lavfi:testsrc2=duration=1", "--labels", texts / "known.npz")
    assert code == 2
    assert "give a model that was trained with --text-labels" in err
