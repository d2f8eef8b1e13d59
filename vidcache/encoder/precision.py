"""Which number format to compute in: fp32, or bf16 where the processor is fast at it.

bf16 runs on every processor, but only some have instructions for it; on the others it is
emulated and slower than fp32. So ``"auto"`` asks the processor, and where the answer does not
settle it (instructions that may or may not pay, such as AVX512-BF16), it measures once.
"""

import time
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch.nn import functional

from vidcache.errors import ConfigError

__all__ = ["Precision", "choose_precision"]

# Below this gain on the bare matrix product, what bf16 loses elsewhere (layer norms, casts)
# eats what it wins: measured on a ViT-Ti, whose whole gain is about half of the product's.
_WORTHWHILE_SPEEDUP = 1.3


@dataclass(frozen=True)
class Precision:
    """A number format and why it was chosen.

    Attributes:
        name: ``"fp32"`` or ``"bf16"``.
        reason: Why, in a few words.
    """

    name: Literal["fp32", "bf16"]
    reason: str

    @property
    def dtype(self) -> torch.dtype:
        """The torch type of that name."""
        return torch.bfloat16 if self.name == "bf16" else torch.float32


def choose_precision(
    requested: str = "auto",
    device: str | torch.device = "cpu",
    *,
    num_rows: int = 256,
    width: int = 384,
) -> Precision:
    """Says which number format to compute in on a device.

    Args:
        requested: ``"auto"``, or ``"fp32"`` or ``"bf16"`` to have just that.
        device: Where the computation will run.
        num_rows: Rows of the typical matrix product (tokens of a frame for an encoder, 1 for a
            head that steps frame by frame). Used only where ``"auto"`` has to measure.
        width: Columns of that product.

    Returns:
        The choice and its reason. The same question has the same answer for the life of the
        process: a measurement is made once.

    Raises:
        ConfigError: ``requested`` is none of the three.

    Example:
        >>> from vidcache.encoder import choose_precision
        >>> choose_precision("bf16").dtype
        torch.bfloat16
    """
    if requested == "fp32":
        return Precision("fp32", "asked for")
    if requested == "bf16":
        return Precision("bf16", "asked for")
    if requested != "auto":
        raise ConfigError(
            f"precision is {requested!r}, but must be 'auto', 'fp32' or 'bf16': "
            "leave it at 'auto' to have it chosen for this processor"
        )
    device = torch.device(device)
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision("bf16", "this GPU computes in bf16")
        return Precision("fp32", "this GPU has no bf16 arithmetic")
    if device.type != "cpu":
        return Precision("fp32", f"bf16 is not tried on {device.type}")
    return _choose_on_cpu(num_rows, width)


@cache
def _choose_on_cpu(num_rows: int, width: int) -> Precision:
    if not _backend_has_bf16():
        return Precision("fp32", "this processor has no bf16 instructions")
    if _has_matrix_tiles():
        return Precision("bf16", "this processor has AMX tiles for bf16")
    speedup = _measure_speedup(num_rows, width)
    comparison = f"bf16 measured {speedup:.1f}x as fast as fp32 here"
    if speedup >= _WORTHWHILE_SPEEDUP:
        return Precision("bf16", comparison)
    return Precision("fp32", comparison)


def _backend_has_bf16() -> bool:
    """True where oneDNN has kernels for bf16, if only emulated ones."""
    if not torch.backends.mkldnn.is_available():
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _has_matrix_tiles() -> bool:
    # Not in every torch that we support; without it the measurement decides.
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return probe is not None and bool(probe())


def _measure_speedup(num_rows: int, width: int) -> float:
    rows, weight = torch.ones(num_rows, width), torch.ones(4 * width, width)
    operands = {
        torch.float32: (rows, weight),
        torch.bfloat16: (rows.bfloat16(), weight.bfloat16()),
    }
    best = dict.fromkeys(operands, float("inf"))
    # In turns, and the best of each: what else the machine does only ever makes a run slower,
    # and should not meet one of the two alone. One short product at a time slips between it.
    for _ in range(30):
        for dtype, (left, right) in operands.items():
            best[dtype] = min(best[dtype], _time_product(left, right))
    return best[torch.float32] / best[torch.bfloat16]


def _time_product(rows: torch.Tensor, weight: torch.Tensor) -> float:
    with torch.inference_mode():
        start = time.perf_counter()
        functional.linear(rows, weight)
        return time.perf_counter() - start
