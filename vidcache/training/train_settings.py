"""Settings of a training: what the head is like, how long and on what it learns."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from vidcache.config.section import Count, Positive, Score, Section
from vidcache.config.validation import validate_settings
from vidcache.config.yaml_file import read_yaml

__all__ = [
    "AugmentSettings",
    "EndToEndSettings",
    "HeadSettings",
    "TrainSettings",
    "load_train_settings",
]

_Share = Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)]
_Rate = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
_Factor = Annotated[float, Field(ge=1.0, allow_inf_nan=False)]


class AugmentSettings(Section):
    """What is changed in clips, each time anew.

    Attributes:
        noise: Noise of every frame, in standard deviations of each feature.
        shift: Noise that all frames of a clip share.
        drop: Probability that a feature is missing in a whole clip.
        frame_drop: Part of a clip's frames that are left out at most.
        tempo: Clips are played up to this many times as fast or as slow.
        mirror: Whether every video is learnt from a second time with left and right exchanged;
            not for labels that tell left from right. (`EndToEndSettings` has its own.)
    """

    noise: _Rate = 0.1
    shift: _Rate = 0.0
    drop: _Share = 0.1
    frame_drop: _Share = 0.3
    tempo: _Factor = 1.3
    mirror: bool = False


class EndToEndSettings(Section):
    """What is different where the encoder is trained too.

    Attributes:
        encoder_rate: Peak rate of the encoder.
        clip_frames: Frames of a clip.
        clips_per_batch: Clips of a step.
        mirror: Whether half of the clips are mirrored.
    """

    encoder_rate: Positive = 1e-4
    clip_frames: Annotated[int, Field(ge=2)] = 24
    clips_per_batch: Count = 4
    mirror: bool = True


class HeadSettings(Section):
    """What the new head is like.

    Attributes:
        width: Width of the trunk.
        depth: Blocks of the trunk.
        num_heads: Attention heads.
        num_iterations: Refinement passes.
        window: Frames that it remembers, the current one included.
        window_seconds: Seconds that it remembers, at most ``window`` frames; None for no limit.
        sink_frames: First frames of a stream that stay visible.
        positions: ``seconds``, ``index`` or ``none``.
        cache_scope: ``iteration`` or ``first_iteration``.
        rotary_base: How far positions are told apart: about this many frames, or tenths of a
            second where positions count seconds.
        layer_scale: What residual branches are scaled by at first.
        join_tokens: Whether the tokens of a frame become one long one; else each is attended to.
    """

    width: Count = 128
    depth: Count = 2
    num_heads: Count = 4
    num_iterations: Count = 4
    window: Count = 64
    window_seconds: Positive | None = 4.0
    sink_frames: Annotated[int, Field(ge=0)] = 0
    positions: Literal["seconds", "index", "none"] = "seconds"
    cache_scope: Literal["iteration", "first_iteration"] = "iteration"
    rotary_base: Positive = 100.0
    layer_scale: Positive = 1.0
    join_tokens: bool = True


class TrainSettings(Section):
    """All settings of a training.

    Attributes:
        epochs: How often the training videos are gone through at most.
        minutes: Roughly how long to train; the number of epochs then follows from the speed of
            the first steps. None goes by ``epochs``.
        seed: Of the first weights, the clips and their changes.
        clip_frames: Frames of a clip at most; shorter videos are taken whole.
        clips_per_batch: Clips of a step.
        least_batches: Steps of an epoch at least; a small set is gone through several times.
        learning_rate: Peak rate of the head.
        weight_decay: How fast weights shrink, in parts of the rate.
        warm_up: Part of the training in which the rate rises.
        gradient_norm: Longest gradient of a step; longer ones are shortened.
        average: How slowly the averaged weights, which are kept, follow the trained ones.
        patience: Epochs without a better validation after which training ends; 0 for never.
        balance: How rare labels are weighed: ``none``, ``root`` or ``inverse``.
        smoothing: Part of each target that is spread over all labels.
        pass_decay: Weight of a pass in the loss over that of the next one.
        precision: What is computed in, ``fp32`` or ``bf16``; weights stay in fp32.
        shown_precision: How often what is shown is to be right in validation; sets the threshold
            of ``unsure``, which at most half of the frames are.
        augment: What is changed in clips.
        head: What the new head is like.
        end_to_end: What is different where the encoder is trained too.

    Example:
        >>> TrainSettings.model_validate({"epochs": 5, "head": {"window": 32}}).head.window
        32
    """

    epochs: Count = 40
    minutes: Positive | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    clip_frames: Annotated[int, Field(ge=2)] = 128
    clips_per_batch: Count = 8
    least_batches: Count = 8
    learning_rate: Positive = 1e-3
    weight_decay: _Rate = 0.05
    warm_up: _Share = 0.05
    gradient_norm: Positive = 1.0
    average: _Share = 0.98
    patience: Annotated[int, Field(ge=0)] = 12
    balance: Literal["none", "root", "inverse"] = "root"
    smoothing: _Share = 0.05
    pass_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6
    precision: Literal["fp32", "bf16"] = "fp32"
    shown_precision: Score = 0.8
    augment: AugmentSettings = AugmentSettings()
    head: HeadSettings = HeadSettings()
    end_to_end: EndToEndSettings = EndToEndSettings()


def load_train_settings(path: str | Path) -> TrainSettings:
    """Reads a YAML file of settings, such as ``configs/train.yaml``.

    Args:
        path: The file.

    Returns:
        The settings, with defaults for every key that the file leaves out.

    Raises:
        ConfigError: The file cannot be read, or holds a key or a value that is not allowed.
    """
    file = read_yaml(path, "settings of a training")
    return validate_settings(
        TrainSettings, file.values, where=lambda keys: f"{file.place(*keys)}: "
    )
