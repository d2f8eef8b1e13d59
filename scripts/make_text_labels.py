"""Makes text labels: embeddings of what labels are called, by a CLIP or SigLIP text tower.

    pip install open_clip_torch
    python scripts/make_text_labels.py wave "sit=sitting down|taking a seat" --out labels.npz
    vidcache run 0 --model model.safetensors --labels labels.npz

A label may be followed by ``=`` and the texts that describe it, parted by ``|``; otherwise its own
name is put into every template. The head must have been trained towards the same text tower.
"""

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidcache.model.text_labels import TextLabels

TEMPLATES = ("{}", "a person doing: {}", "a video of a person, {}")
RANDOM = "random"


def load_tower(model: str, pretrained: str) -> tuple[Any, Callable[[list[str]], torch.Tensor]]:
    """Loads a model with a text tower, and its tokenizer, through open_clip.

    Args:
        model: Name of an architecture, as ``open_clip.list_models()`` has them.
        pretrained: Tag of its weights, path of a file of weights, or ``random``.
    """
    try:
        import open_clip
    except ImportError as error:
        raise SystemExit(
            f"open_clip is needed to embed texts, but cannot be imported ({error}): "
            "pip install open_clip_torch"
        ) from error
    if model not in open_clip.list_models():
        raise SystemExit(
            f"open_clip has no model {model!r}: it has {', '.join(open_clip.list_models())}"
        )
    tags = open_clip.list_pretrained_tags_by_model(model)
    if pretrained != RANDOM and pretrained not in tags and not Path(pretrained).is_file():
        raise SystemExit(
            f"there are no weights {pretrained!r} of {model}: give the path of a file, or one of "
            f"{', '.join(tags) or '(none)'}"
        )
    # Every attempt of a download would be told of, beside the error that says it all.
    logging.disable(logging.ERROR)
    try:
        tower = open_clip.create_model(model, None if pretrained == RANDOM else pretrained)
        tokenizer = open_clip.get_tokenizer(model)
    # What a download fails with is up to the hub, the proxy and the disk.
    except Exception as error:
        reason = " ".join(str(error).split()).split(". ")[0][:200]
        raise SystemExit(
            f"the weights {pretrained} or the tokenizer of {model} cannot be had ({reason}): fetch "
            "the weights where there is a network, and give their path as --pretrained"
        ) from error
    finally:
        logging.disable(logging.NOTSET)
    return tower.eval(), tokenizer


def texts_of(label: str, templates: Sequence[str]) -> tuple[str, list[str]]:
    """Returns a label's name, and the texts that stand for it."""
    name, _, given = label.partition("=")
    texts = [text.strip() for text in given.split("|") if text.strip()]
    return name.strip(), texts or [template.format(name.strip()) for template in templates]


@torch.no_grad()
def embed(
    labels: Sequence[str],
    tower: Any,
    tokenizer: Callable[[list[str]], torch.Tensor],
    *,
    templates: Sequence[str] = TEMPLATES,
    name: str = "",
    none_cosine: float | None = None,
) -> TextLabels:
    """Embeds labels.

    Args:
        labels: Each a name, or ``name=text|text``.
        tower: A model of open_clip.
        tokenizer: Its tokenizer.
        templates: What a name without texts is put into, in place of ``{}``.
        name: What the tower is called.
        none_cosine: Cosine from which a label counts as shown, in place of the tower's own bias.
    """
    described = [texts_of(label, templates) for label in labels]
    scale = float(tower.logit_scale)
    bias = getattr(tower, "logit_bias", None)
    settings = {"scale": scale, "activation": "softmax" if bias is None else "sigmoid"}
    if none_cosine is not None:
        settings["bias"] = -float(np.exp(scale)) * none_cosine
    elif bias is not None:
        settings["bias"] = float(bias)
    prompts = [tower.encode_text(tokenizer(texts)).float().numpy() for _, texts in described]
    return TextLabels.from_prompts(
        [label for label, _ in described],
        prompts,
        **settings,
        tower=name,
        about={"texts": dict(described)},
    )


def main() -> None:
    """Reads the arguments and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels", nargs="+", metavar="LABEL", help="NAME, or NAME=TEXT|TEXT")
    parser.add_argument("--out", type=Path, required=True, metavar="F", help="the .npz file")
    parser.add_argument("--model", default="ViT-B-16-SigLIP", help="architecture in open_clip")
    parser.add_argument(
        "--pretrained",
        default="webli",
        help="tag of the weights, path of a file of weights, or 'random' to try the way without",
    )
    parser.add_argument(
        "--template", action="append", help="what a name is put into, in place of {}; repeatable"
    )
    parser.add_argument(
        "--none-cosine",
        type=float,
        help="cosine from which a label counts as shown; default: by the model's own bias",
    )
    options = parser.parse_args()
    tower, tokenizer = load_tower(options.model, options.pretrained)
    labels = embed(
        options.labels,
        tower,
        tokenizer,
        templates=options.template or TEMPLATES,
        name=f"{options.model}/{options.pretrained}",
        none_cosine=options.none_cosine,
    )
    labels.save(options.out)
    print(f"{options.out}: {len(labels)} labels of width {labels.width}, by {labels.tower}")
    print(f"{labels.activation}, scale {labels.scale:.3f}, bias {labels.bias:.3f}")
    alike = labels.embeddings @ labels.embeddings.T - 2 * np.eye(len(labels))
    for name, row in zip(labels.names, alike, strict=True):
        nearest = f"  nearest {labels.names[row.argmax()]}, cosine {row.max():.3f}"
        print(f"  {name}{nearest if len(labels) > 1 else ''}")


if __name__ == "__main__":
    main()
