"""Text labels from a text tower."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from vidcache.model.text_labels import TextLabels

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("make_text_labels")


class LetterTower(torch.nn.Module):
    """A text tower that knows letters, and nothing of their order."""

    def __init__(self, bias: float | None) -> None:
        super().__init__()
        self.logit_scale = torch.nn.Parameter(torch.tensor(3.0))
        self.letters = torch.nn.Embedding(128, 8)
        self.logit_bias = None if bias is None else torch.nn.Parameter(torch.tensor(bias))

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.letters(tokens).sum(dim=1)


def tokenize(texts: list[str]) -> torch.Tensor:
    width = max(map(len, texts))
    return torch.tensor([[ord(letter) for letter in text.ljust(width)] for text in texts])


def test_a_name_stands_in_every_template_unless_texts_are_given(script):
    assert script.texts_of("wave", ("{}", "a {}.")) == ("wave", ["wave", "a wave."])
    assert script.texts_of("sit = sitting| a seat ", ("{}",)) == ("sit", ["sitting", "a seat"])


def test_towers_of_siglip_give_their_bias_and_those_of_clip_a_cosine(script):
    siglip = script.embed(["wave", "sit=sitting|a seat"], LetterTower(-12.0), tokenize)
    assert (siglip.names, siglip.activation, siglip.width) == (("wave", "sit"), "sigmoid", 8)
    assert (siglip.scale, siglip.bias) == (3.0, -12.0)
    assert siglip.about["texts"]["sit"] == ["sitting", "a seat"]
    clip = script.embed(["wave"], LetterTower(None), tokenize, none_cosine=0.2)
    assert (clip.activation, clip.bias) == ("softmax", pytest.approx(-0.2 * np.exp(3.0)))


def test_each_text_counts_alike_however_long_its_embedding_is(script):
    tower = LetterTower(None)
    labels = script.embed(["sit=ab|cccccc"], tower, tokenize)
    with torch.no_grad():
        rows = torch.nn.functional.normalize(tower.encode_text(tokenize(["ab", "cccccc"])), dim=-1)
    mean = torch.nn.functional.normalize(rows.mean(dim=0), dim=-1)
    np.testing.assert_allclose(labels.embeddings[0], mean.numpy(), atol=1e-6)


def test_what_open_clip_makes_is_read_back(script, monkeypatch, tmp_path, capsys):
    pytest.importorskip("open_clip", reason="needs the package open_clip_torch")
    out = tmp_path / "labels.npz"
    arguments = ["wave", "clap", "--model", "RN50", "--pretrained", "random", "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["make_text_labels.py", *arguments])
    script.main()
    labels = TextLabels.load(out)
    assert (labels.names, labels.width, labels.tower) == (("wave", "clap"), 1024, "RN50/random")
    assert "2 labels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "pretrained", "message"),
    [("ViT-B-33", "webli", "no model 'ViT-B-33'"), ("ViT-B-32", "nope", "no weights 'nope'")],
)
def test_a_name_that_open_clip_does_not_know_is_one_clear_line(script, model, pretrained, message):
    pytest.importorskip("open_clip", reason="needs the package open_clip_torch")
    with pytest.raises(SystemExit, match=message):
        script.load_tower(model, pretrained)


def test_without_open_clip_one_line_says_what_to_install(script, monkeypatch):
    monkeypatch.setitem(importlib.sys.modules, "open_clip", None)
    with pytest.raises(SystemExit, match="pip install open_clip_torch"):
        script.load_tower("ViT-B-32", "openai")
