"""What machines would carry, computed from what one was measured to need.

Assumptions   everything that is taken for granted, with the words that say so
FrameCost     what a frame costs, read from the figures of `vidcache bench scale`
Machine       a machine of processors, with or without a GPU
carried       how many cameras it would carry, and what runs out first
"""

from scale_paper.assumptions import ASSUMPTIONS, Assumptions
from scale_paper.capacity import GPUS, Capacity, Gpu, carried
from scale_paper.frame_cost import MODES, FrameCost, Mode

__all__ = [
    "ASSUMPTIONS",
    "GPUS",
    "MODES",
    "Assumptions",
    "Capacity",
    "FrameCost",
    "Gpu",
    "Mode",
    "carried",
]
