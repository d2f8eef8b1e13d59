# pyright: basic
"""What a ViT of timm says of itself: its patches, its pictures, and how regions are normed."""

from typing import Any

from torch import nn

from vidcache.encoder.preprocessing import Preprocessing
from vidcache.errors import ConfigError

__all__ = ["read_patch_grid", "read_preprocessing", "read_region_norm"]


def read_patch_grid(name: str, vit: Any) -> tuple[int, int]:
    """Rows and columns of a ViT's patches.

    Args:
        name: Its name, for the message.
        vit: The ViT of timm.

    Raises:
        ConfigError: The picture's size is no multiple of the patches'.
    """
    height, width = vit.patch_embed.img_size
    patch_height, patch_width = vit.patch_embed.patch_size
    if height % patch_height or width % patch_width:
        raise ConfigError(
            f"image_size {height}x{width} is no multiple of the {patch_height}x{patch_width} "
            f"patches of {name}: the nearest that is is "
            f"({max(round(height / patch_height), 1) * patch_height}, "
            f"{max(round(width / patch_width), 1) * patch_width})"
        )
    rows, columns = vit.patch_embed.grid_size
    return int(rows), int(columns)


def read_region_norm(vit: Any) -> str:
    """Name of the norm that models trained on mean-pooled patches apply after the mean."""
    norm = getattr(vit, "fc_norm", None)
    return "" if norm is None or isinstance(norm, nn.Identity) else "fc_norm"


def read_preprocessing(vit: Any, fit: Any, overrides: dict[str, Any]) -> Preprocessing:
    """How pictures become what a ViT was trained on.

    Args:
        vit: The ViT of timm, which knows the settings of its weights.
        fit: As for :class:`Preprocessing`.
        overrides: Settings by name that replace the model's; None leaves one as it is.
    """
    from timm.data.config import resolve_model_data_config

    settings = resolve_model_data_config(vit)
    height, width = vit.patch_embed.img_size
    values: dict[str, Any] = {
        "mean": settings["mean"],
        "std": settings["std"],
        "interpolation": settings["interpolation"],
        "crop_pct": settings["crop_pct"],
    }
    values.update({key: value for key, value in overrides.items() if value is not None})
    values["mean"], values["std"] = tuple(values["mean"]), tuple(values["std"])
    return Preprocessing(size=(int(height), int(width)), fit=fit, **values)
