"""Actions written as procedures: no clip to learn by heart, every call is another performance."""

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.motions import Motion
from vidcache.training.synthetic.posing import planted, rest, slow_noise, sway
from vidcache.training.synthetic.rotations import about, multiply
from vidcache.training.synthetic.skeleton import JOINTS, forward_kinematics, joint

__all__ = [
    "arm_posture",
    "crouch",
    "gait",
    "idle",
    "jumping_jacks",
    "lie",
    "run",
    "walk",
    "wave",
]

_Floats = NDArray[np.float64]


def idle(rng: np.random.Generator, seconds: float) -> Motion:
    """Return standing: the weight shifts a little, the arms hang or rest in some posture."""
    times, pose = rest(seconds)
    sway(rng, times, pose, size=rng.uniform(0.02, 0.07))
    width = rng.uniform(0.0, 0.14)
    pose[:, joint("right_hip")] = about("x", np.full(len(times), -width))
    pose[:, joint("left_hip")] = about("x", np.full(len(times), width))
    arm_posture(rng, times, pose)
    return planted(times, pose, loops=False)


def wave(rng: np.random.Generator, seconds: float) -> Motion:
    """Return waving with one raised hand, sometimes with both."""
    times, pose = rest(seconds)
    sway(rng, times, pose, size=0.04)
    arm_posture(rng, times, pose)
    hertz, swing = rng.uniform(1.0, 2.4), rng.uniform(0.3, 0.75)
    beat = np.sin(2 * np.pi * hertz * times + rng.uniform(0, 2 * np.pi))
    sides = ("right", "left") if rng.random() < 0.2 else (rng.choice(["right", "left"]),)
    for side in sides:
        sign = -1.0 if side == "right" else 1.0
        raise_angle = rng.uniform(1.5, 2.7)
        forward = rng.uniform(-0.1, 0.6)
        whole_arm = rng.uniform(0.1, 0.5)
        shoulder = about("x", sign * (raise_angle + whole_arm * swing * beat))
        pose[:, joint(f"{side}_shoulder")] = multiply(about("y", -sign * forward), shoulder)
        bend = rng.uniform(0.1, 1.0) + (1 - whole_arm) * swing * beat
        pose[:, joint(f"{side}_elbow")] = about("x", sign * bend)
    return planted(times, pose, loops=False)


def jumping_jacks(rng: np.random.Generator, seconds: float) -> Motion:
    """Return jumping jacks: hops with arms and legs thrown apart and together."""
    times, pose = rest(seconds)
    sway(rng, times, pose, size=0.03)
    phase = 2 * np.pi * times / rng.uniform(0.8, 1.4)
    # Flattened extremes: the limbs dwell a moment when open and when closed.
    opening = 0.5 - 0.5 * np.tanh(rng.uniform(1.2, 2.5) * np.cos(phase))
    top, legs = rng.uniform(2.1, 3.0), rng.uniform(0.3, 0.6)
    forward, bend = rng.uniform(0.0, 0.35), rng.uniform(0.05, 0.7)
    for side, sign in (("right", -1.0), ("left", 1.0)):
        arm = about("x", sign * (0.12 + (top - 0.12) * opening))
        pose[:, joint(f"{side}_shoulder")] = multiply(about("y", -sign * forward), arm)
        pose[:, joint(f"{side}_elbow")] = about("z", bend * (0.4 + 0.6 * opening))
        dip = 0.25 * (1 + np.cos(2 * phase)) / 2
        pose[:, joint(f"{side}_hip")] = multiply(
            about("x", sign * (0.03 + legs * opening)), about("z", dip)
        )
        pose[:, joint(f"{side}_knee")] = about("z", -2 * dip)
        pose[:, joint(f"{side}_ankle")] = about("z", dip)
    hop = rng.uniform(0.03, 0.12) * np.abs(np.sin(phase))
    return planted(times, pose, loops=False, lift=hop)


def crouch(rng: np.random.Generator, seconds: float) -> Motion:
    """Return crouching: deep knees, a bent trunk, held with small movements."""
    times, pose = rest(seconds)
    sway(rng, times, pose, size=0.05)
    depth = rng.uniform(1.1, 2.1) + 0.06 * slow_noise(rng, times, 0.5)[:, 0]
    lean = -rng.uniform(0.1, 0.6)
    uneven = rng.uniform(-0.35, 0.35)
    pose[:, 0] = multiply(about("z", np.full(len(times), lean)), pose[:, 0])
    for side, sign in (("right", -1.0), ("left", 1.0)):
        hip = depth * (1 + sign * uneven * 0.3) - lean * 0.8
        apart = about("x", np.full(len(times), sign * rng.uniform(0.05, 0.5)))
        pose[:, joint(f"{side}_hip")] = multiply(apart, about("z", hip))
        pose[:, joint(f"{side}_knee")] = about("z", -np.minimum(depth * 1.25, 2.5))
        pose[:, joint(f"{side}_ankle")] = about("z", np.minimum(depth * 0.3, 0.5))
        reach = rng.uniform(0.3, 1.5) + 0.15 * slow_noise(rng, times, 1.0)[:, 0]
        pose[:, joint(f"{side}_shoulder")] = about("z", reach)
        bend = rng.uniform(0.1, 1.6) + 0.15 * slow_noise(rng, times, 1.2)[:, 0]
        pose[:, joint(f"{side}_elbow")] = about("z", np.maximum(bend, 0.0))
    return planted(times, pose, loops=False)


def lie(rng: np.random.Generator, seconds: float) -> Motion:
    """Return lying on the floor, on the back, the belly or a side, almost still."""
    times, pose = rest(seconds)
    sway(rng, times, pose, size=0.02)
    facing = rng.choice([-1.0, 1.0]) * np.pi / 2 + rng.normal(0, 0.08)
    roll = rng.normal(0, 0.25) if rng.random() < 0.7 else rng.choice([-1.0, 1.0]) * 1.4
    down = multiply(about("z", np.full(len(times), facing)), about("y", roll))
    pose[:, 0] = multiply(down, pose[:, 0])
    for side, sign in (("right", -1.0), ("left", 1.0)):
        drawn_up = max(0.0, rng.normal(0.1, 0.5))
        hip = about("z", np.full(len(times), drawn_up))
        apart = about("x", np.full(len(times), sign * rng.uniform(0.0, 0.35)))
        pose[:, joint(f"{side}_hip")] = multiply(apart, hip)
        pose[:, joint(f"{side}_knee")] = about("z", np.full(len(times), -1.7 * drawn_up))
        arm = about("x", np.full(len(times), sign * rng.uniform(0.0, 2.6)))
        pose[:, joint(f"{side}_shoulder")] = arm
        pose[:, joint(f"{side}_elbow")] = about("z", np.full(len(times), rng.uniform(0, 1.4)))
    points = forward_kinematics(np.zeros((len(times), 3)), pose)
    positions = np.zeros((len(times), 3))
    positions[:, 1] = 0.11 - points[:, : len(JOINTS), 1].min(1)
    return Motion(times, positions, pose, loops=False)


def walk(rng: np.random.Generator, seconds: float) -> Motion:
    """Return walking with a gait of its own: stride, knees, arms and lean are drawn."""
    return gait(
        rng, seconds, period=rng.uniform(0.9, 1.35), stride=rng.uniform(0.32, 0.55), run=0.0
    )


def run(rng: np.random.Generator, seconds: float) -> Motion:
    """Return running with a gait of its own."""
    return gait(rng, seconds, period=rng.uniform(0.62, 0.8), stride=rng.uniform(0.6, 0.9), run=1.0)


def arm_posture(rng: np.random.Generator, times: _Floats, pose: _Floats) -> None:
    """Put the arms of a pose into one of the postures that people stand and walk in.

    Args:
        rng: Source of randomness.
        times: Seconds, shape (T,).
        pose: Rotations of the joints, shape (T, 13, 4), changed in place.
    """
    together = rng.random() < 0.6
    kinds = ("hang", "hang", "hang", "hips", "phone", "crossed", "behind", "carry")
    kind = rng.choice(kinds)
    for side, sign in (("right", -1.0), ("left", 1.0)):
        if not together:
            kind = rng.choice(kinds)
        flexion, abduction, inward, elbow = {
            "hang": (rng.uniform(-0.1, 0.25), rng.uniform(0.03, 0.3), 0.0, rng.uniform(0.05, 0.5)),
            "hips": (rng.uniform(-0.3, 0.0), rng.uniform(0.6, 0.9), 0.9, rng.uniform(1.3, 1.8)),
            "phone": (rng.uniform(0.2, 0.6), 0.1, 0.3, rng.uniform(1.6, 2.2)),
            "crossed": (rng.uniform(0.3, 0.6), 0.1, 1.1, rng.uniform(1.5, 1.9)),
            "behind": (rng.uniform(-0.6, -0.3), 0.2, 0.9, rng.uniform(0.5, 0.9)),
            "carry": (rng.uniform(0.2, 0.5), 0.15, 0.2, rng.uniform(1.2, 1.6)),
        }[kind]
        drift = 0.05 * slow_noise(rng, times, 0.5, 2)
        raised = multiply(about("x", sign * (abduction + drift[:, 0])), about("z", flexion))
        pose[:, joint(f"{side}_shoulder")] = multiply(raised, about("y", -sign * inward))
        pose[:, joint(f"{side}_elbow")] = about("z", elbow + drift[:, 1])


def gait(
    rng: np.random.Generator,
    seconds: float,
    *,
    period: float,
    stride: float,
    run: float,
    knees: float = 1.0,
) -> Motion:
    """Return walking or running along +x.

    Args:
        rng: Source of randomness, for arms, lean and lift of the knees.
        seconds: Length.
        period: Seconds of two steps.
        stride: How far the hips swing, in radians.
        run: 0 walks, 1 runs.
        knees: Factor of how far the knees bend in the swing.
    """
    times, pose = rest(seconds)
    sway(rng, times, pose, size=0.025)
    phase = 2 * np.pi * times / period
    lean = -(0.02 + 0.18 * run) * rng.uniform(0.5, 1.5)
    twist = rng.uniform(0.05, 0.15) * np.sin(phase)
    pose[:, 0] = multiply(about("z", lean), multiply(about("y", twist), pose[:, 0]))
    pose[:, joint("chest")] = multiply(about("y", -1.6 * twist), pose[:, joint("chest")])
    swing = rng.uniform(0.3, 0.7) + 0.4 * run
    elbow = rng.uniform(0.1, 0.6) * (1 - run) + rng.uniform(1.2, 1.8) * run
    lift = knees * (rng.uniform(0.8, 1.1) + 0.7 * run)
    outward = rng.uniform(0.05, 0.2)
    for side, sign, shift in (("right", -1.0, 0.0), ("left", 1.0, np.pi)):
        angle = phase + shift
        hip = stride * np.sin(angle) + 0.1 + 0.2 * run - lean
        pose[:, joint(f"{side}_hip")] = about("z", hip)
        # The knee bends while the leg swings forward, a quarter turn before the hip peaks.
        bend = 0.12 + 0.2 * run + lift * np.maximum(0.0, np.cos(angle + 0.35)) ** 1.5
        pose[:, joint(f"{side}_knee")] = about("z", -bend)
        pose[:, joint(f"{side}_ankle")] = about("z", 0.25 * np.sin(angle + 2.4))
        arm = multiply(about("x", sign * outward), about("z", 0.05 - swing * np.sin(angle)))
        pose[:, joint(f"{side}_shoulder")] = arm
        pose[:, joint(f"{side}_elbow")] = about("z", elbow - 0.2 * np.sin(angle))
    bounce = run * 0.07 * (0.5 + 0.5 * np.cos(2 * phase + 0.7))
    motion = planted(times, pose, loops=False, lift=bounce)
    step = 0.83 * 2 * np.sin(stride) * (1.0 + 0.75 * run)
    motion.root_positions[:, 0] = times * 2 * step / period
    return motion
