# pyright: basic
"""What procedures pose a body with: a body at rest, swaying, feet on the floor, smooth noise."""

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.motions import Motion
from vidcache.training.synthetic.rotations import about, multiply
from vidcache.training.synthetic.skeleton import JOINTS, forward_kinematics, joint

__all__ = ["planted", "rest", "slow_noise", "sway"]

_Floats = NDArray[np.float64]

_RATE = 30.0
_ANKLE_HEIGHT = 0.06


def slow_noise(
    rng: np.random.Generator, times: _Floats, hertz: float, channels: int = 1
) -> _Floats:
    """Return smooth random curves with values of about unit size.

    Args:
        rng: Source of randomness.
        times: Seconds, shape (n,).
        hertz: Highest frequency.
        channels: Number of independent curves.

    Returns:
        The curves, shape (n, channels).
    """
    frequencies = rng.uniform(0.15, 1.0, (3, channels)) * hertz
    phases = rng.uniform(0, 2 * np.pi, (3, channels))
    waves = np.sin(2 * np.pi * frequencies * times[:, None, None] + phases)
    return waves.sum(1) / np.sqrt(1.5)


def rest(seconds: float) -> tuple[_Floats, _Floats]:
    """Return times, shape (T,), and a body standing upright at each, rotations (T, 13, 4)."""
    times = np.arange(max(2, int(np.ceil(seconds * _RATE)) + 1)) / _RATE
    pose = np.zeros((len(times), len(JOINTS), 4))
    pose[..., 0] = 1.0
    return times, pose


def sway(rng: np.random.Generator, times: _Floats, pose: _Floats, size: float) -> None:
    """Let trunk and head sway, by about ``size`` radians; ``pose`` is changed in place."""
    curves = slow_noise(rng, times, 0.6, 9) * size
    for column, name in enumerate(("root", "chest", "neck")):
        # The head looks about more than the trunk moves.
        factor = 3.0 if name == "neck" else 1.0
        turn = about("y", factor * curves[:, 3 * column])
        tilt = multiply(
            about("x", curves[:, 3 * column + 1]), about("z", curves[:, 3 * column + 2])
        )
        pose[:, joint(name)] = multiply(turn, tilt)


def planted(times: _Floats, pose: _Floats, *, loops: bool, lift: _Floats | None = None) -> Motion:
    """Stand the lower foot on the floor."""
    points = forward_kinematics(np.zeros((len(times), 3)), pose)
    ankles = points[:, [joint("right_ankle"), joint("left_ankle")], 1].min(1)
    positions = np.zeros((len(times), 3))
    positions[:, 1] = _ANKLE_HEIGHT - ankles
    if lift is not None:
        positions[:, 1] += lift
    return Motion(times, positions, pose, loops)
