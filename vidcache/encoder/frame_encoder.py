# pyright: basic
"""The frame encoder: any ViT of timm as a maker of frame tokens."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vidcache.encoder.box_regions import pool_boxes
from vidcache.encoder.cls_only import has_cls_only
from vidcache.encoder.feature_engine import FeatureEngine
from vidcache.encoder.precision import Precision, choose_precision
from vidcache.encoder.preprocessing import Images
from vidcache.encoder.tokens import TokenLayout
from vidcache.encoder.vit_settings import read_patch_grid, read_preprocessing, read_region_norm
from vidcache.encoder.weights import build_vit
from vidcache.errors import InputError
from vidcache.runtime import Choice, EngineName

__all__ = ["FrameEncoder"]


class FrameEncoder(nn.Module):
    """Turns pictures into feature tokens with a ViT of timm.

    The first token is the model's own summary of the picture, exactly what timm's
    ``forward_head(…, pre_logits=True)`` gives: the CLS token for most models, the mean of the
    patches or an attention pool for those that were trained so. Register tokens are left out.

    Args:
        name: Name of the model in timm, such as ``"vit_small_patch14_dinov2"``.
        weights: ``"hub"`` for the published weights, None for random ones (to train), the
            name of a bundled action model, the path of a ``.safetensors``, ``.onnx`` or ``.pth``
            file, or the ViT's tensors themselves. A position embedding of another size is
            resampled.
        image_size: Height and width that the model sees, in pixels; one number for a square;
            None for the model's own. A multiple of the patch size.
        num_tokens: Tokens of a frame: 1 (pooled), 1 + g*g (pooled and g x g regions) or g*g
            (regions alone); see :class:`TokenLayout`.
        precision: ``"fp32"``, ``"bf16"``, or ``"auto"`` for what the processor is fast at. It
            concerns inference; weights are kept and trained in fp32.
        engine: What runs inference on a processor: ``"torch"``, ``"openvino"``, ``"onnx"`` (each
            in fp32 or bf16 as ``precision`` says; ONNX Runtime in fp32 only), or ``"auto"`` for
            the fastest that is installed, measured once on this machine and remembered.
        fit: How a picture of another shape fits in: ``"crop"``, ``"pad"`` or ``"stretch"``; see
            :class:`Preprocessing`.
        mean: Overrides the model's mean colour (0 to 1).
        std: Overrides the model's standard deviation of colour.
        interpolation: Overrides how the model's pictures are resized.
        crop_pct: Overrides how much of the short side ``fit="crop"`` keeps.
        model_args: Further arguments of the timm model.
        device: Where the model runs.

    Raises:
        MissingExtraError: timm, or the engine, is not installed.
        ModelError: The name is unknown or no ViT, or the weights cannot be had or do not fit.
        InputError: ``num_tokens`` is no layout, or one too fine for the patches.
        ConfigError: Another setting cannot be used.

    Example:
        >>> import numpy as np
        >>> from vidcache import FrameEncoder
        >>> encoder = FrameEncoder("vit_tiny_patch16_224", None, image_size=128, num_tokens=17)
        >>> encoder(np.zeros((2, 576, 768, 3), np.uint8)).shape
        torch.Size([2, 17, 192])
    """

    def __init__(
        self,
        name: str,
        weights: str | os.PathLike[str] | Mapping[str, torch.Tensor] | None = "hub",
        *,
        image_size: int | tuple[int, int] | None = None,
        num_tokens: int = 1,
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        engine: EngineName = "torch",
        fit: Literal["crop", "pad", "stretch"] = "crop",
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
        interpolation: Literal["bicubic", "bilinear", "nearest"] | None = None,
        crop_pct: float | None = None,
        model_args: Mapping[str, Any] | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        super().__init__()
        self._layout = TokenLayout.from_num_tokens(num_tokens)
        choose_precision("fp32" if precision == "auto" else precision)
        self._requested_precision = precision
        self.name = name
        self.model_args = dict(model_args or {})
        size = (image_size, image_size) if isinstance(image_size, int) else image_size
        self.vit: Any = build_vit(name, weights, image_size=size, model_args=self.model_args)
        self._patch_grid = read_patch_grid(name, self.vit)
        self._layout.check_fits(self._patch_grid)
        self._region_norm = read_region_norm(self.vit)
        overrides = {
            "mean": mean,
            "std": std,
            "interpolation": interpolation,
            "crop_pct": crop_pct,
        }
        self.preprocessing = read_preprocessing(self.vit, fit, overrides)
        self._engine = FeatureEngine(
            self.vit,
            engine,
            lambda: self.precision,
            self._architecture() | {"image_size": self.image_size},
        )
        self.register_load_state_dict_post_hook(_drop_engine)
        self.to(device)

    @property
    def num_features(self) -> int:
        """Width C of a token."""
        return int(self.vit.num_features)

    @property
    def num_tokens(self) -> int:
        """Tokens N of a frame."""
        return self._layout.num_tokens

    @property
    def reads_cls_only(self) -> bool:
        """Whether a frame's token is the CLS token: of the last block, nothing else is computed."""
        return self.num_tokens == 1 and has_cls_only(self.vit)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels that the model sees."""
        return self.preprocessing.size

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return next(self.vit.parameters()).device

    @property
    def precision(self) -> Precision:
        """The number format of inference, and why."""
        height, width = self._patch_grid
        return choose_precision(
            self._requested_precision,
            self.device,
            num_rows=height * width,
            width=self.num_features,
        )

    @property
    def engine(self) -> Choice:
        """What runs inference, and why; where it has to be measured, that is done now."""
        return self._engine.choice

    @property
    def description(self) -> str:
        """The encoder in one line, with its number format and the reason for it."""
        height, width = self.image_size
        precision = self.precision
        return (
            f"{self.name}, {width}x{height} px ({self.preprocessing.fit}), "
            f"{self.num_tokens} x {self.num_features} features, "
            f"{precision.name} ({precision.reason}), {self.engine.name} ({self.engine.reason})"
        )

    def preprocess(self, images: Images) -> torch.Tensor:
        """Turns pictures into the pixels that the model expects.

        Args:
            images: uint8 RGB, NumPy or torch: a batch (B, height, width, 3), or a list of
                pictures (height, width, 3) whose sizes may differ.

        Returns:
            float32 pixels, shape (B, 3, *image_size), on the model's device.

        Raises:
            InputError: The pictures have another type or shape.
        """
        return self.preprocessing(images, self.device)

    def forward_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encodes prepared pixels, with gradients: for training.

        Computes in fp32, or as the caller's autocast says.

        Args:
            pixels: What :meth:`preprocess` returns, shape (B, 3, *image_size).

        Returns:
            Tokens, shape (B, N, C).

        Raises:
            InputError: The pixels have another shape.
        """
        if tuple(pixels.shape[1:]) != (3, *self.image_size):
            raise InputError(
                f"the pixels have shape {tuple(pixels.shape)}, but must have "
                f"(B, 3, {self.image_size[0]}, {self.image_size[1]}): preprocess() gives it"
            )
        return self.pool(self.vit.forward_features(pixels))

    def forward(self, images: Images, num_threads: int | None = None) -> torch.Tensor:
        """Encodes pictures, without gradients: for inference.

        Args:
            images: uint8 RGB, NumPy or torch: a batch (B, height, width, 3), or a list of
                pictures (height, width, 3) whose sizes may differ. May be empty.
            num_threads: Threads that the ViT uses on a processor; None for as many as torch may
                in the calling thread.

        Returns:
            float32 tokens, shape (B, N, C).

        Raises:
            InputError: The pictures have another type or shape.
        """
        with torch.inference_mode():
            pixels = self.preprocess(images)
        return self.encode_pixels(pixels, num_threads)

    def encode_pixels(self, pixels: torch.Tensor, num_threads: int | None = None) -> torch.Tensor:
        """Encodes prepared pixels, without gradients: :meth:`forward` after :meth:`preprocess`.

        Args:
            pixels: What :meth:`preprocess` returns, shape (B, 3, *image_size). May be empty.
            num_threads: As for :meth:`forward`.

        Returns:
            float32 tokens, shape (B, N, C).
        """
        with torch.inference_mode():
            if pixels.shape[0] == 0:
                tokens = pixels.new_empty(0, self.num_tokens, self.num_features)
            else:
                tokens = self.pool(self.read_tokens(pixels, num_threads).float())
        # A copy made out here is an ordinary tensor, which a head may be trained on.
        return tokens.to(torch.float32, copy=True)

    def warm_up(self) -> None:
        """Lets the engine be built for as many threads as the calling thread may use."""
        with torch.inference_mode():
            self._read()(torch.zeros(1, 3, *self.image_size, device=self.device))

    def regions(
        self, image_rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.floating]
    ) -> torch.Tensor:
        """Says what a picture looks like under boxes, without gradients.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.
            boxes_xyxy: Boxes in its pixels, shape (K, 4).

        Returns:
            For each box the mean of the patches under it by area, at least that of the nearest
            one: float32, shape (K, C).

        Raises:
            InputError: The picture has another type or shape.
        """
        vit = self.vit
        with torch.inference_mode():
            features = self.features(self.preprocess([image_rgb])).float()
            patches = features[0, vit.num_prefix_tokens :]
            placed = self.preprocessing.place_boxes(boxes_xyxy, image_rgb.shape[:2])
            grid = patches.unflatten(0, self._patch_grid)
            pooled = pool_boxes(grid, torch.from_numpy(placed), self.image_size)
            regions = getattr(vit, self._region_norm)(pooled) if self._region_norm else pooled
        return regions.to(torch.float32, copy=True)

    def fingerprint(self) -> str:
        """Names what this encoder computes: equal fingerprints, equal features.

        Returns:
            SHA-256 in hexadecimal over the architecture, every setting that bears on the result
            (the number format too), and the weights.
        """
        preprocessing = dict(vars(self.preprocessing))
        if self.preprocessing.fit != "crop":
            del preprocessing["crop_pct"]
        settings = {
            **self._architecture(),
            "num_tokens": self.num_tokens,
            "precision": self.precision.name,
            "preprocessing": preprocessing,
        }
        if self.reads_cls_only:
            settings["tokens"] = "cls only"
        if self.engine.name != "torch":
            settings["engine"] = self.engine.name
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for key, tensor in sorted(self.vit.state_dict().items()):
            digest.update(f"{key}{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()

    def _architecture(self) -> dict[str, Any]:
        # A tag behind the name says where the weights were from; they are hashed themselves.
        return {"name": self.name.split(".", 1)[0], "model_args": self.model_args}

    def features(self, pixels: torch.Tensor, num_threads: int | None = None) -> torch.Tensor:
        """All tokens of the ViT, without gradients; for those who build on this.

        Args:
            pixels: What :meth:`preprocess` returns, shape (B, 3, *image_size).
            num_threads: As for :meth:`forward`.

        Returns:
            (B, prefix tokens + patches, C), in the number format of inference.
        """
        return self._engine.features(pixels, num_threads)

    def read_tokens(self, pixels: torch.Tensor, num_threads: int | None = None) -> torch.Tensor:
        """The tokens of the ViT that :meth:`pool` reads; for those who build on this.

        Args:
            pixels: What :meth:`preprocess` returns, shape (B, 3, *image_size).
            num_threads: As for :meth:`forward`.

        Returns:
            As :meth:`features` has them; the first alone, (B, 1, C), where :attr:`reads_cls_only`.
        """
        return self._read()(pixels, num_threads)

    def compute_vit(self) -> Any:
        """The ViT in the number format of inference; it is not to be changed."""
        return self._engine.vit()

    def pool(self, features: torch.Tensor) -> torch.Tensor:
        """Makes the tokens of frames from all tokens of the ViT.

        Args:
            features: (B, prefix tokens + patches, C), float32; what :meth:`read_tokens` returns is
                enough.

        Returns:
            (B, N, C).
        """
        vit = self.vit
        parts: list[torch.Tensor] = []
        if self._layout.has_pooled:
            parts.append(vit.forward_head(features, pre_logits=True)[:, None])
        if self._layout.grid:
            patches = features[:, vit.num_prefix_tokens :]
            regions = self._layout.pool_regions(patches, self._patch_grid)
            parts.append(getattr(vit, self._region_norm)(regions) if self._region_norm else regions)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def _read(self) -> Callable[..., torch.Tensor]:
        return self._engine.cls if self.reads_cls_only else self._engine.features

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        self._engine.drop()
        return super()._apply(fn, recurse)


def _drop_engine(encoder: Any, _: object) -> None:
    encoder._engine.drop()
