import json

import pytest

from vidcache.training.data import load_dataset
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.evaluation.frames import evaluate


@pytest.fixture
def data(tmp_path, make_video):
    """Three videos of two seconds, 12 frames a second, with labels of the small model."""
    folder = tmp_path / "data"
    (folder / "videos").mkdir(parents=True)
    for number in range(3):
        make_video(folder / "videos" / f"{number}.mp4", num_frames=24 - 6 * number)
    (folder / "segments.csv").write_text(
        "video,start,end,label,split\n"
        "0.mp4,0.5,1.0,walk,test\n0.mp4,1.25,1.75,wave,test\n"
        "1.mp4,0.0,1.0,stand,test\n2.mp4,0.2,0.5,walk,train\n"
        "2.mp4,0.5,0.7,stand,train\n2.mp4,0.7,0.9,wave,train\n"
    )
    path = folder / "data.yaml"
    path.write_text("videos: videos\nannotations: segments.csv\nbackground: nothing\n")
    return path


def test_eval_judges_a_model_on_a_split(call, data, tmp_path, small_model_path, small_model):
    out = tmp_path / "out"
    code, text, err = call("eval", data, "--model", small_model_path, "--out", out)
    assert (code, err.strip()) == (
        0, f"vidcache: wrote {out / 'evaluation.json'} and pictures beside it"
    )  # fmt: skip
    result = json.loads((out / "evaluation.json").read_text())
    assert (result["num_videos"], result["num_frames"], result["split"]) == (2, 42, "test")
    frames = {label["label"]: label["num_frames"] for label in result["labels"]}
    assert frames == {"nobody": 18, "stand": 12, "walk": 6, "wave": 6}
    assert {path.name for path in out.glob("*.png")} == {
        "confusion.png", "precision_recall.png", "reliability.png", "timelines.png"
    }  # fmt: skip
    assert f"mean average precision     {result['mean_average_precision']:.3f}" in text
    assert [line.split()[0] for line in text.splitlines()[:5]] == ["label", *small_model.labels]
    assert "42 frames of 2 videos, streamed" in text


def test_eval_gives_what_evaluate_gives_with_a_delay_in_seconds(
    call, data, tmp_path, small_model_path, small_model
):
    from vidcache.encoder.features import FeatureStore
    from vidcache.training.encoding import encode_videos

    store = tmp_path / "features"
    with FeatureStore(store) as kept:
        videos = encode_videos(
            load_dataset(data).of("train"), small_model.labels, small_model.encoder, kept
        )
    assert isinstance(videos[0], EncodedVideo)
    expected = evaluate(small_model, videos, delay_seconds=0.25).to_dict()
    options = ("--store", store, "--split", "train", "--delay", "0.25s", "--precision", "fp32")
    code, text, _ = call(
        "eval", data, "--model", small_model_path, "--out", tmp_path / "out", *options
    )
    assert code == 0
    result = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert {key: result[key] for key in expected} == json.loads(json.dumps(expected))
    assert "delay                      0.25 seconds" in text


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (["--delay", "soon"], 2, "--delay is 'soon': give a number of frames"),
        (["--delay", "0.5"], 2, "--delay is '0.5'"),
        (["--split", "tests"], 2, "--split is 'tests': give one of train, validation, test"),
        (["--split", "validation"], 1, "no videos for 'validation'"),
        (["--threshold", "1.5"], 2, "--threshold is 1.5"),
    ],
)
def test_eval_says_what_is_wrong_with_an_option(
    call, data, tmp_path, small_model_path, options, code, complaint
):
    given = ("eval", data, "--model", small_model_path, "--out", tmp_path / "out", *options)
    failed, out, err = call(*given)
    assert (failed, out) == (code, "")
    assert complaint in err


def test_eval_names_the_labels_that_a_model_does_not_know(call, data, tmp_path, small_model_path):
    table = data.parent / "segments.csv"
    table.write_text(table.read_text() + "2.mp4,0.0,0.1,juggle,train\n")
    code, _, err = call("eval", data, "--model", small_model_path, "--out", tmp_path / "out")
    assert code == 1
    assert "labels that the model does not know: juggle; the model has nobody, stand" in err
