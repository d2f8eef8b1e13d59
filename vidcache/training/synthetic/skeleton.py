"""The humanoid's bones: from joint rotations to points in space.

Units are metres; y is up; at rest the body faces +x with its right hand at +z. The bone
lengths are those of the humanoid model that the motion-capture clips were fitted to
(``pybullet_data/humanoid/humanoid.urdf`` at a quarter of its size).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.rotations import multiply, rotate

__all__ = ["JOINTS", "KEYPOINTS", "Proportions", "forward_kinematics", "joint"]

_Floats = NDArray[np.float64]

JOINTS: tuple[str, ...] = (
    "root",
    "chest",
    "neck",
    "right_hip",
    "right_knee",
    "right_ankle",
    "right_shoulder",
    "right_elbow",
    "left_hip",
    "left_knee",
    "left_ankle",
    "left_shoulder",
    "left_elbow",
)
"""The joints that rotate, in the order of the clips."""

KEYPOINTS: tuple[str, ...] = (
    "root",
    "chest",
    "neck",
    "right_hip",
    "right_knee",
    "right_ankle",
    "right_shoulder",
    "right_elbow",
    "left_hip",
    "left_knee",
    "left_ankle",
    "left_shoulder",
    "left_elbow",
    "head",
    "right_toe",
    "right_wrist",
    "left_toe",
    "left_wrist",
)
"""The points that forward kinematics returns: the joints, then the ends of the limbs."""

_PARENTS = (-1, 0, 1, 0, 3, 4, 1, 6, 0, 8, 9, 1, 11, 2, 5, 7, 10, 12)

_OFFSETS = np.array(
    [
        [0.0, 0.0, 0.0],
        [0.0, 0.236151, 0.0],
        [0.0, 0.223894, 0.0],
        [0.0, 0.0, 0.084887],
        [0.0, -0.421546, 0.0],
        [0.0, -0.409870, 0.0],
        [-0.02405, 0.2435, 0.18311],
        [0.0, -0.274788, 0.0],
        [0.0, 0.0, -0.084887],
        [0.0, -0.421546, 0.0],
        [0.0, -0.409870, 0.0],
        [-0.02405, 0.2435, -0.18311],
        [0.0, -0.274788, 0.0],
        [0.02, 0.165, 0.0],
        [0.15, -0.035, 0.0],
        [0.0, -0.258947, 0.0],
        [0.15, -0.035, 0.0],
        [0.0, -0.258947, 0.0],
    ]
)


def joint(name: str) -> int:
    """Return the index of a keypoint (and of a joint: joints come first).

    Example:
        >>> joint("left_knee")
        9
    """
    return KEYPOINTS.index(name)


@dataclass(frozen=True)
class Proportions:
    """How a body differs from the captured one; every factor is 1 for the captured body.

    Attributes:
        stature: Factor of all lengths.
        legs: Further factor of the leg bones.
        arms: Further factor of the arm bones.
        trunk: Further factor of the spine.
        shoulders: Further factor of the width of the shoulders.
        hips: Further factor of the width of the hips.
    """

    stature: float = 1.0
    legs: float = 1.0
    arms: float = 1.0
    trunk: float = 1.0
    shoulders: float = 1.0
    hips: float = 1.0

    def offsets(self) -> _Floats:
        """Return each keypoint's place in its parent's frame, shape (18, 3), metres."""
        offsets = _OFFSETS * self.stature
        offsets[1:3] *= self.trunk
        for side in ("right", "left"):
            offsets[[joint(f"{side}_knee"), joint(f"{side}_ankle")]] *= self.legs
            offsets[[joint(f"{side}_elbow"), joint(f"{side}_wrist")]] *= self.arms
            offsets[joint(f"{side}_shoulder"), 1] *= self.trunk
            offsets[joint(f"{side}_shoulder"), 2] *= self.shoulders
            offsets[joint(f"{side}_hip"), 2] *= self.hips
        return offsets


def forward_kinematics(
    root_positions: _Floats, rotations: _Floats, proportions: Proportions | None = None
) -> _Floats:
    """Return where the keypoints are.

    Args:
        root_positions: Positions of the pelvis, shape (T, 3), metres.
        rotations: Rotations of the joints against their parents, shape (T, 13, 4).
        proportions: The body; the captured one by default.

    Returns:
        Keypoints in space, shape (T, 18, 3), metres.
    """
    offsets = (proportions or Proportions()).offsets()
    points = np.empty((len(rotations), len(KEYPOINTS), 3))
    world = np.empty_like(rotations)
    points[:, 0], world[:, 0] = root_positions, rotations[:, 0]
    for index in range(1, len(KEYPOINTS)):
        parent = _PARENTS[index]
        points[:, index] = points[:, parent] + rotate(world[:, parent], offsets[index])
        if index < len(JOINTS):
            world[:, index] = multiply(world[:, parent], rotations[:, index])
    return points
