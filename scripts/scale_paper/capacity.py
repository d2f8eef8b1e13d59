"""How many cameras a machine would carry."""

from collections.abc import Mapping
from dataclasses import dataclass

from scale_paper.assumptions import Assumptions
from scale_paper.frame_cost import FrameCost

__all__ = ["GPUS", "Capacity", "Gpu", "carried"]


@dataclass(frozen=True)
class Gpu:
    """A GPU by its data sheet.

    Attributes:
        name: What it is sold as.
        peak_flops: Dense arithmetic in half precision, a second.
        nbytes: Memory.
        bytes_a_second: Memory bandwidth.
    """

    name: str
    peak_flops: float
    nbytes: float
    bytes_a_second: float


GPUS = (
    Gpu("NVIDIA L4", 121e12, 24e9, 300e9),
    Gpu("NVIDIA A10", 125e12, 24e9, 600e9),
    Gpu("NVIDIA H100 SXM", 989e12, 80e9, 3350e9),
)
"""Peaks are those without sparsity, from NVIDIA's data sheets."""


@dataclass(frozen=True)
class Capacity:
    """What a machine would carry.

    Attributes:
        limits: Cameras that each resource would carry by itself.
    """

    limits: Mapping[str, int]

    @property
    def cameras(self) -> int:
        """Cameras that it carries."""
        return min(self.limits.values())

    @property
    def first(self) -> str:
        """What runs out first."""
        return min(self.limits, key=lambda name: self.limits[name])


def carried(
    cost: FrameCost,
    rate: float,
    given: Assumptions,
    *,
    process_bytes: float,
    camera_bytes: float,
    state_bytes: float = 0.0,
    head_bytes: float = 0.0,
    gpu: Gpu | None = None,
) -> Capacity:
    """Computes how many cameras a machine carries.

    Args:
        cost: What a frame costs.
        rate: Frames a second of a camera.
        given: What is taken for granted.
        process_bytes: Memory of a process with one camera.
        camera_bytes: What a further camera adds to it.
        state_bytes: The head's memory of one camera, which a GPU reads for each frame.
        head_bytes: Weights that the head reads for each step, all passes together.
        gpu: The GPU, if there is one.
    """
    processes = given.processors // given.processors_a_process
    processor_ms = 1000 * given.processors * given.usable_share
    spare = given.ram_bytes - processes * process_bytes
    limits = {
        "memory": int(spare / camera_bytes) + processes if camera_bytes > 0 else 1 << 30,
        "network": int(given.link_mbit * given.link_share / given.camera_mbit),
    }
    if gpu is None:
        return Capacity({"processors": int(processor_ms / (rate * cost.total))} | limits)
    models = cost.encode + cost.head + cost.detect
    host = cost.read + cost.track + given.host_share * models
    work = cost.head_flops + (cost.encode + cost.detect) / 1000 * cost.flops_a_second
    arithmetic = work / (given.gpu_share * gpu.peak_flops)
    traffic = (state_bytes + head_bytes / given.gpu_batch) / (
        given.gpu_memory_share * gpu.bytes_a_second
    )
    own = {
        "processors": int(processor_ms / (rate * host)),
        "GPU": int(1 / (rate * (arithmetic + traffic))),
        "GPU memory": int(gpu.nbytes / state_bytes) if state_bytes else 1 << 30,
    }
    return Capacity(own | limits)
