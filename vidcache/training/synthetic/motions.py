# pyright: basic
"""Motions: joint rotations over time, captured ones from the package ``pybullet``.

Only the data files of ``pybullet`` are read; the physics engine is never imported.
"""

import functools
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import MissingExtraError, ModelError
from vidcache.training.synthetic.rotations import about, heading, mirrored, multiply, rotate, slerp
from vidcache.training.synthetic.rotations import yaw as yaw_rotation
from vidcache.training.synthetic.skeleton import JOINTS, joint

__all__ = ["Motion", "captured_motion"]

_Floats = NDArray[np.float64]

_SWAPPED = [
    joint(name.replace("right", "left") if "right" in name else name.replace("left", "right"))
    for name in JOINTS
]

_HINGES = {"right_knee", "right_elbow", "left_knee", "left_elbow"}


@dataclass(frozen=True, eq=False)
class Motion:
    """One body's joints over time.

    Attributes:
        seconds: Times of the key frames from 0, shape (T,).
        root_positions: Positions of the pelvis, shape (T, 3), metres.
        rotations: Rotations of the joints, shape (T, 13, 4).
        loops: Whether the end joins the beginning, a step further on.
    """

    seconds: _Floats
    root_positions: _Floats
    rotations: _Floats
    loops: bool

    @property
    def duration(self) -> float:
        """Length of one run of the motion, in seconds."""
        return float(self.seconds[-1])

    def mirrored(self) -> "Motion":
        """Return the motion with right and left exchanged."""
        return Motion(
            self.seconds,
            self.root_positions * np.array([1.0, 1.0, -1.0]),
            mirrored(self.rotations[:, _SWAPPED]),
            self.loops,
        )

    def reversed(self) -> "Motion":
        """Return the motion played backwards."""
        return Motion(
            self.duration - self.seconds[::-1],
            self.root_positions[::-1],
            self.rotations[::-1],
            self.loops,
        )

    def sample(self, times: _Floats) -> tuple[_Floats, _Floats]:
        """Return the body at any times.

        A motion that loops goes on from where its last run ended, turned as that run ended;
        one that does not stays as it was at its ends.

        Args:
            times: Seconds, shape (n,), not below 0.

        Returns:
            Positions of the pelvis (n, 3) and rotations of the joints (n, 13, 4).
        """
        runs = np.floor(times / self.duration).astype(int) if self.loops else np.zeros(len(times))
        local = np.clip(times - runs * self.duration, 0.0, self.duration)
        right = np.clip(np.searchsorted(self.seconds, local, "right"), 1, len(self.seconds) - 1)
        left = right - 1
        weight = (local - self.seconds[left]) / (self.seconds[right] - self.seconds[left])
        start, end = self.root_positions[left], self.root_positions[right]
        positions = start + (end - start) * weight[:, None]
        rotations = slerp(self.rotations[left], self.rotations[right], weight[:, None])
        if self.loops:
            self._advance(positions, rotations, runs.astype(int))
        return positions, rotations

    def _advance(self, positions: _Floats, rotations: _Floats, runs: NDArray[np.int_]) -> None:
        angles = heading(self.rotations[[0, -1], 0])
        turn = yaw_rotation(angles[1] - angles[0])
        first, last = self.root_positions[0], self.root_positions[-1]
        level = np.array([1.0, 0.0, 1.0])
        spot, spin = first * level, yaw_rotation(0.0)
        for run in range(int(runs.max(initial=0)) + 1):
            chosen = runs == run
            positions[chosen] = spot + rotate(spin, positions[chosen] - first * level)
            rotations[chosen, 0] = multiply(spin, rotations[chosen, 0])
            spot = spot + rotate(spin, (last - first) * level)
            spin = multiply(turn, spin)


@functools.cache
def captured_motion(name: str) -> Motion:
    """Load one motion-captured action.

    Args:
        name: Name of a clip of ``pybullet_data/data/motions`` without ``humanoid3d_``, such
            as ``walk``.

    Returns:
        The motion as it was captured.

    Raises:
        MissingExtraError: If the package ``pybullet`` is not installed.
        ModelError: If there is no such clip.

    Source: the clips are in the format of DeepMimic (Peng et al. 2018): duration, root position,
        root rotation, then the joints' rotations.
    """
    path = _motions_folder() / f"humanoid3d_{name}.txt"
    if not path.is_file():
        known = sorted(p.stem.removeprefix("humanoid3d_") for p in path.parent.glob("humanoid3d_*"))
        raise ModelError(f"no captured motion {name!r} in pybullet_data; there are {known}")
    content = json.loads(path.read_text())
    frames = np.asarray(content["Frames"], dtype=np.float64)
    rotations = np.empty((len(frames), len(JOINTS), 4))
    column = 4
    for index, joint_name in enumerate(JOINTS):
        if joint_name in _HINGES:
            rotations[:, index] = about("z", frames[:, column])
            column += 1
        else:
            rotations[:, index] = frames[:, column : column + 4]
            column += 4
    rotations /= np.linalg.norm(rotations, axis=-1, keepdims=True)
    # The last key frame has no duration of its own: it ends the clip.
    seconds = np.concatenate(([0.0], np.cumsum(np.maximum(frames[:-1, 0], 1e-3))))
    return Motion(seconds, frames[:, 1:4].copy(), rotations, content["Loop"] == "wrap")


def _motions_folder() -> Path:
    found = importlib.util.find_spec("pybullet_data")
    if found is None or found.origin is None:
        raise MissingExtraError("pybullet", "train", "make synthetic video of people")
    return Path(found.origin).parent / "data" / "motions"
