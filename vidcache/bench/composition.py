# pyright: basic
"""What a user writes today from well-known parts: the yardstick of ``vidcache bench pipeline``.

OpenCV reads, a ViT of timm encodes, a head of four passes keeps its history in transformers'
sliding cache, and Ultralytics tracks; one frame after the other, all in float32, with every
library's own settings. Nothing of vidcache is imported, so that nothing of it helps; only the
weights come from a vidcache model file.

Run as ``python -m vidcache.bench.composition JOB.json`` in a process of its own.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import timm
import torch
from PIL import Image
from safetensors import safe_open
from timm.data.config import resolve_data_config
from timm.data.transforms_factory import create_transform
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DynamicCache, MistralConfig
from ultralytics import YOLO

__all__ = ["watch_video"]


class Block(nn.Module):
    """A pre-norm transformer block whose history is a layer of a transformers cache."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.ModuleDict(
            {"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)}
        )
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)}
        )
        self.ls1 = nn.ParameterDict({"gamma": torch.ones(width)})
        self.ls2 = nn.ParameterDict({"gamma": torch.ones(width)})

    def forward(self, x: Tensor, angle: Tensor, cache: Any, lane: int) -> Tensor:
        """One new token, (B, 1, C), attends to the lane's history and itself."""
        qkv = self.attn["qkv"](self.norm1(x)).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        keys, values = cache.update(rotate(key, angle), value, lane)
        out = F.scaled_dot_product_attention(rotate(query, angle), keys, values)
        x = x + self.ls1["gamma"] * self.attn["proj"](out.transpose(1, 2).flatten(2))
        hidden = F.gelu(self.mlp["fc1"](self.norm2(x)))
        return x + self.ls2["gamma"] * self.mlp["fc2"](hidden)


class Head(nn.Module):
    """A temporal transformer that refines its prediction in several passes."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        width, outputs = settings["width"], settings["num_outputs"]
        self.settings = settings
        self.token_norm = nn.LayerNorm(settings["in_features"])
        self.empty_prediction = nn.Parameter(torch.zeros(outputs))
        self.embed_prediction = nn.Linear(outputs, width)
        self.modulation = nn.Linear(width, 3 * width)
        self.trunk = nn.ModuleList(
            Block(width, settings["num_heads"]) for _ in range(settings["depth"])
        )
        self.trunk_norm = nn.LayerNorm(width)
        self.prediction_branch = nn.ModuleDict(
            {"fc1": nn.Linear(width, width // 2), "fc2": nn.Linear(width // 2, outputs)}
        )
        pairs = width // settings["num_heads"] // 2
        self.rates = settings["rotary_base"] ** (-torch.arange(pairs).double() / pairs)

    def init_cache(self, window: int) -> Any:
        """One cache layer for every layer of every pass."""
        settings = self.settings
        return DynamicCache(
            config=MistralConfig(
                num_hidden_layers=settings["num_iterations"] * settings["depth"],
                hidden_size=settings["width"],
                num_attention_heads=settings["num_heads"],
                num_key_value_heads=settings["num_heads"],
                sliding_window=window,
            )
        )

    def forward(self, features: Tensor, position: int, cache: Any) -> Tensor:
        """The prediction for the next frame, whose features are (B, 1, C)."""
        tokens = self.token_norm(features)
        normed = F.layer_norm(tokens, tokens.shape[-1:], eps=1e-6)
        angle = (position * self.rates).float()
        prediction = None
        for iteration in range(self.settings["num_iterations"]):
            shown = self.empty_prediction[None, None] if prediction is None else prediction
            shift, scale, gate = self.modulation(F.silu(self.embed_prediction(shown))).chunk(3, -1)
            x = tokens + gate * (normed * (1 + scale) + shift)
            for layer, block in enumerate(self.trunk):
                x = block(x, angle, cache, iteration * len(self.trunk) + layer)
            branch = self.prediction_branch
            delta = branch["fc2"](F.gelu(branch["fc1"](self.trunk_norm(x))))
            prediction = delta if prediction is None else prediction + delta
        assert prediction is not None
        return prediction


def rotate(vectors: Tensor, angle: Tensor) -> Tensor:
    """Rotary position: turns neighbouring pairs of numbers, (…, hd)."""
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


class Watch:
    """Adds up the seconds of stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts what happens inside as one stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def load_models(model_file: str, detector: str) -> tuple[Any, Any, Head, Any, list[str]]:
    """The encoder, its transform, the head, the detector, and the labels."""
    with safe_open(model_file, "pt") as file:
        settings = json.loads(file.metadata()["config"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    def part(prefix: str) -> dict[str, Tensor]:
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix)
        }

    size = settings["image_size"]
    vit = timm.create_model(settings["encoder"], num_classes=0, img_size=tuple(size)).eval()
    vit.load_state_dict(part("encoder.vit."))
    data = resolve_data_config({"input_size": (3, *size)}, model=vit)
    transform = create_transform(**data, is_training=False)
    head = Head(settings["head"]).eval()
    head.load_state_dict(part("head."))
    return vit, transform, head, YOLO(detector, task="detect"), settings["labels"]


@torch.inference_mode()
def watch_video(job: dict[str, Any]) -> dict[str, Any]:
    """Labels and tracks the frames of a video, one after the other."""
    vit, transform, head, yolo, labels = load_models(job["model"], job["detector"])
    cache = head.init_cache(job["window"])
    blank = Image.new("RGB", (64, 64))
    vit(transform(blank)[None])
    yolo.predict(blank, verbose=False)
    video = cv2.VideoCapture(job["video"])
    watch = Watch()
    frames: list[dict[str, Any]] = []
    start = time.perf_counter()
    while len(frames) < job["frames"]:
        with watch.stage("decode"):
            there, image_bgr = video.read()
        if not there:
            break
        with watch.stage("preprocess"):
            image = Image.fromarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB))
            pixels = transform(image)[None]
        with watch.stage("encode"):
            features = vit(pixels)
        with watch.stage("head"):
            scores = head(features[:, None], len(frames), cache)[0, 0]
            label = labels[int(scores.argmax())]
        with watch.stage("track"):
            boxes = yolo.track(
                image_bgr, persist=True, conf=0.1, tracker="bytetrack.yaml", verbose=False
            )[0].boxes
        ids = [] if boxes.id is None else boxes.id.int().tolist()
        kept = boxes.xyxy.tolist() if ids else []
        frames.append({"label": label, "ids": ids, "boxes": kept})
    return {
        "seconds": time.perf_counter() - start,
        "stages": watch.seconds,
        "frames": frames,
    }


if __name__ == "__main__":
    work = json.loads(Path(sys.argv[1]).read_text())
    Path(work["result"]).write_text(json.dumps(watch_video(work)))
