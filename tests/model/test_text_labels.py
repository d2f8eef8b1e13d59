import math

import numpy as np
import pytest
import torch

from vidcache.errors import ConfigError, ModelError
from vidcache.model.text_labels import TextLabels


def _unit(*shape: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal(shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def labels() -> TextLabels:
    return TextLabels(
        ("wave", "clap", "sit down"), _unit(3, 16), math.log(20.0), -4.0, "sigmoid",
        "small/random", {"templates": ["a person doing {}"]},
    )  # fmt: skip


@pytest.fixture
def predictions() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(5).normal(size=(2, 7, 16)) * 3).float()


def test_sigmoid_scores_are_those_of_siglip_with_none_beside_them(labels, predictions) -> None:
    scores = labels.scores(predictions)
    cosines = torch.nn.functional.cosine_similarity(
        predictions[..., None, :], torch.from_numpy(labels.embeddings), dim=-1
    )
    expected = torch.sigmoid(20.0 * cosines - 4.0)
    torch.testing.assert_close(scores[..., 1:], expected)
    torch.testing.assert_close(scores[..., 0], 1 - expected.amax(dim=-1))


def test_softmax_scores_share_one_with_none_of_these_at_logit_zero(labels, predictions) -> None:
    clip = TextLabels(labels.names, labels.embeddings, math.log(20.0), -4.0, "softmax")
    scores = clip.scores(predictions, temperature=2.0)
    cosines = (
        torch.nn.functional.normalize(predictions, dim=-1) @ torch.from_numpy(labels.embeddings).T
    )
    logits = torch.cat((torch.zeros(2, 7, 1), 20.0 * cosines - 4.0), dim=-1)
    torch.testing.assert_close(scores, (logits / 2.0).softmax(dim=-1))


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_none_of_these_wins_exactly_where_every_label_lies_below_it(labels, activation) -> None:
    chosen = TextLabels(labels.names, labels.embeddings, math.log(20.0), -4.0, activation)
    predictions = torch.from_numpy(_unit(500, 16, seed=3))
    scores = chosen.scores(predictions)
    all_low = chosen.logits(predictions)[:, 1:].amax(dim=-1) < 0
    assert torch.equal(scores.argmax(dim=-1) == 0, all_low)
    assert 0 < int(all_low.sum()) < 500


def test_the_length_of_a_prediction_does_not_matter(labels, predictions) -> None:
    torch.testing.assert_close(labels.scores(predictions), labels.scores(100 * predictions))


def test_several_prompts_are_averaged_after_each_is_normalised() -> None:
    prompts = [np.array([[10.0, 0.0], [0.0, 0.1]]), np.array([0.0, -3.0])]
    labels = TextLabels.from_prompts(("both", "down"), prompts)
    half = math.sqrt(0.5)
    np.testing.assert_allclose(labels.embeddings, [[half, half], [0.0, -1.0]], atol=1e-7)


def test_a_saved_file_is_read_back_to_the_bit(labels, tmp_path) -> None:
    labels.save(tmp_path / "labels.npz")
    loaded = TextLabels.load(tmp_path / "labels.npz")
    assert loaded.fingerprint() == labels.fingerprint()
    assert (loaded.tower, loaded.about) == (labels.tower, labels.about)
    assert [path.name for path in tmp_path.iterdir()] == ["labels.npz"]


def test_a_file_of_names_and_embeddings_is_enough(tmp_path) -> None:
    rows = np.array([[3, 4], [1, 0], [0, 2]], np.float16)
    np.savez(tmp_path / "clip.npz", names=["wave", "clap", "sit"], embeddings=rows)
    clip = TextLabels.load(tmp_path / "clip.npz")
    assert (clip.activation, clip.bias, clip.names) == ("softmax", 0.0, ("wave", "clap", "sit"))
    np.testing.assert_allclose(clip.embeddings[0], [0.6, 0.8], atol=1e-7)
    np.savez(
        tmp_path / "siglip.npz", names=["wave", "clap"], embeddings=rows, label_of=[1, 0, 1],
        scale=4.7, bias=-12.9,
    )  # fmt: skip
    siglip = TextLabels.load(tmp_path / "siglip.npz")
    assert (siglip.activation, siglip.scale, siglip.bias) == ("sigmoid", 4.7, -12.9)
    np.testing.assert_allclose(siglip.embeddings[0], [1.0, 0.0], atol=1e-7)


def test_labels_are_picked_in_the_order_given(labels) -> None:
    two = labels.select(["sit down", "wave"])
    assert two.names == ("sit down", "wave")
    np.testing.assert_array_equal(two.embeddings, labels.embeddings[[2, 0]])
    assert (two.scale, two.bias, two.tower) == (labels.scale, labels.bias, labels.tower)
    with pytest.raises(ConfigError, match=r"no text label 'waev' \(did you mean 'wave'\?\)"):
        labels.select(["waev"])


def test_what_decides_scores_decides_the_fingerprint(labels) -> None:
    same = TextLabels(labels.names, labels.embeddings, labels.scale, labels.bias)
    assert same.fingerprint() == labels.fingerprint()
    others = [
        TextLabels(("wave", "clap", "sit"), labels.embeddings, labels.scale, labels.bias),
        TextLabels(labels.names, labels.embeddings[::-1], labels.scale, labels.bias),
        TextLabels(labels.names, labels.embeddings, labels.scale, -5.0),
        TextLabels(labels.names, labels.embeddings, 4.0, labels.bias),
        TextLabels(labels.names, labels.embeddings, labels.scale, labels.bias, "softmax"),
    ]
    assert len({other.fingerprint() for other in [*others, labels]}) == 6


_BAD = {
    "one row a name": {"names": ("a", "b"), "embeddings": _unit(3, 4)},
    "at least one label": {"names": (), "embeddings": np.zeros((0, 4), np.float32)},
    "stands twice": {"names": ("a", "a"), "embeddings": _unit(2, 4)},
    "a name is empty": {"names": ("a", " "), "embeddings": _unit(2, 4)},
    "'b' has the length 2": {
        "names": ("a", "b"), "embeddings": np.array([[1, 0], [0, 2]], np.float32)
    },
    "'a' has the length nan": {
        "names": ("a",), "embeddings": np.full((1, 4), np.nan, np.float32)
    },
    "scale is 100": {"names": ("a",), "embeddings": _unit(1, 4), "scale": 100.0},
    "scale is nan": {"names": ("a",), "embeddings": _unit(1, 4), "scale": math.nan},
    "bias is inf": {"names": ("a",), "embeddings": _unit(1, 4), "bias": math.inf},
    "give 'sigmoid' or 'softmax'": {
        "names": ("a",), "embeddings": _unit(1, 4), "activation": "relu"
    },
}  # fmt: skip


@pytest.mark.parametrize("message", _BAD)
def test_labels_that_make_no_sense_are_refused(message) -> None:
    with pytest.raises(ConfigError, match=message):
        TextLabels(**_BAD[message])


@pytest.mark.parametrize(
    ("names", "prompts", "message"),
    [
        (["a"], [], "one array of embeddings a name"),
        (["a", "b"], [np.ones((1, 3)), np.ones((1, 4))], "different widths"),
        (["a"], [np.zeros((2, 3))], "zero or not finite"),
        (["a"], [np.array([[1.0, 0.0], [-2.0, 0.0]])], "zero or not finite"),
        (["a"], [np.array([[np.inf, 0.0]])], "zero or not finite"),
        (["a"], [np.ones((1, 2, 3))], "expected"),
        ([], [], "at least one label"),
    ],
)
def test_prompts_that_have_no_direction_are_refused(names, prompts, message) -> None:
    with pytest.raises(ConfigError, match=message):
        TextLabels.from_prompts(names, prompts)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"names": ["a"]}, "it has no 'embeddings'"),
        ({"embeddings": _unit(1, 3)}, "it has no 'names'"),
        ({"names": [1, 2], "embeddings": _unit(2, 3)}, "expected a list of texts"),
        ({"names": ["a"], "embeddings": [1.0, 2.0]}, "expected numbers of shape"),
        ({"names": ["a"], "embeddings": [[1, 2]]}, "expected numbers of shape"),
        ({"names": ["a"], "embeddings": _unit(2, 3)}, "an embedding of label 1"),
        ({"names": ["a", "b"], "embeddings": _unit(1, 3)}, "'b' has no embedding"),
        (
            {"names": ["a"], "embeddings": _unit(2, 3), "label_of": [0]},
            "the number of a label for each of the 2 embeddings",
        ),
        (
            {"names": ["a"], "embeddings": _unit(2, 3), "label_of": [0.0, 0.0]},
            "the number of a label",
        ),
        ({"names": ["a"], "embeddings": _unit(1, 3), "bias": [1.0, 2.0]}, "expected one number"),
        ({"names": ["a"], "embeddings": _unit(1, 3), "scale": "big"}, "expected one number"),
        ({"names": ["a"], "embeddings": _unit(1, 3), "about": "{"}, "no JSON object"),
        ({"names": ["a"], "embeddings": _unit(1, 3), "activation": "relu"}, "'sigmoid' or"),
    ],
)
def test_a_file_that_is_wrong_says_what_and_where(arrays, message, tmp_path) -> None:
    path = tmp_path / "labels.npz"
    np.savez(path, **arrays)
    with pytest.raises(ModelError, match=message) as caught:
        TextLabels.load(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_none_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        TextLabels.load(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("walk, run")
    with pytest.raises(ModelError, match="cannot be read"):
        TextLabels.load(tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", np.eye(2))
    with pytest.raises(ModelError, match="one array"):
        TextLabels.load(tmp_path / "one.npy")
    np.savez(tmp_path / "objects.npz", names=np.array(["a", None]), embeddings=_unit(2, 3))
    with pytest.raises(ModelError, match="cannot be read"):
        TextLabels.load(tmp_path / "objects.npz")


def test_a_folder_that_is_missing_is_told_when_saving(labels, tmp_path) -> None:
    with pytest.raises(ModelError, match="cannot write the text labels"):
        labels.save(tmp_path / "missing" / "labels.npz")
    with pytest.raises(ModelError, match="cannot write the text labels"):
        TextLabels(("a",), _unit(1, 4), about={"when": object()}).save(tmp_path / "labels.npz")
    assert list(tmp_path.iterdir()) == []
