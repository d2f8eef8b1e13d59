"""What people do beside the main thing: stand in many ways, walk with their hands full, kneel, sit.

Streams do not draw from here; trainings that need more ways of doing the same do.
"""

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.actions import ACTIONS, Action
from vidcache.training.synthetic.motions import Motion
from vidcache.training.synthetic.posing import planted, rest, slow_noise, sway
from vidcache.training.synthetic.procedures import arm_posture, crouch, gait, idle, lie, run, wave
from vidcache.training.synthetic.rotations import about, multiply, yaw
from vidcache.training.synthetic.skeleton import JOINTS, forward_kinematics, joint

__all__ = ["EVERYDAY", "jog", "kneel", "sit_down", "stand_about", "stroll", "wave_about"]

_Floats = NDArray[np.float64]

_SIDES = (("right", -1.0), ("left", 1.0))


def stand_about(rng: np.random.Generator, seconds: float) -> Motion:
    """Return standing as people do who wait or talk: they shift, turn, look about, gesticulate."""
    times, pose = rest(seconds)
    sway(rng, times, pose, size=rng.uniform(0.02, 0.12))
    _shift_weight(rng, times, pose)
    arm_posture(rng, times, pose)
    if rng.random() < 0.6:
        _busy_arms(rng, times, pose)
    if rng.random() < 0.3:
        _look_down(rng, pose)
    motion = planted(times, pose, loops=False)
    if rng.random() < 0.5:
        _turn_about(rng, motion)
    return motion


def stroll(rng: np.random.Generator, seconds: float) -> Motion:
    """Return walking as people do: slow or fast, in curves, with still arms or full hands."""
    stride = rng.uniform(0.18, 0.55)
    # Short steps are slow ones.
    period = rng.uniform(0.85, 1.25) + 0.6 * max(0.0, 0.32 - stride) * rng.uniform(0.0, 3.0)
    knees = 0.35 + 0.65 * min(1.0, stride / 0.45) * rng.uniform(0.6, 1.1)
    motion = gait(rng, seconds, period=period, stride=stride, run=0.0, knees=knees)
    if rng.random() < 0.5:
        arm_posture(rng, motion.seconds, motion.rotations)
    if rng.random() < 0.2:
        _push_along(rng, motion)
    if rng.random() < 0.6:
        _bend_path(rng, motion, turn=rng.uniform(0.1, 0.8))
    return motion


def jog(rng: np.random.Generator, seconds: float) -> Motion:
    """Return running without haste, in a curve or straight."""
    stride = rng.uniform(0.3, 0.6)
    motion = gait(
        rng, seconds, period=rng.uniform(0.64, 0.82), stride=stride, run=1.0, knees=0.5 + stride
    )
    if rng.random() < 0.4:
        _bend_path(rng, motion, turn=rng.uniform(0.1, 0.5))
    return motion


def wave_about(rng: np.random.Generator, seconds: float) -> Motion:
    """Return waving while standing as people do, small beside the face or wide overhead."""
    motion = stand_about(rng, seconds)
    waving = wave(rng, seconds)
    sides = [side for side, _ in _SIDES if _is_raised(waving, side)]
    for side in sides or ["right"]:
        for name in (f"{side}_shoulder", f"{side}_elbow"):
            motion.rotations[:, joint(name)] = waving.rotations[:, joint(name)]
    return motion


def kneel(rng: np.random.Generator, seconds: float) -> Motion:
    """Return kneeling on one or both knees, upright or bent over."""
    times, pose = rest(seconds)
    sway(rng, times, pose, size=0.05)
    lean = -max(0.0, rng.normal(0.2, 0.35))
    pose[:, 0] = multiply(about("z", np.full(len(times), lean)), pose[:, 0])
    one = rng.random() < 0.5
    for number, (side, sign) in enumerate(_SIDES):
        forward = one and number == 0
        hip = rng.uniform(1.2, 1.7) if forward else rng.uniform(-0.1, 0.7)
        knee = rng.uniform(1.2, 1.8) if forward else rng.uniform(1.5, 2.3)
        apart = about("x", np.full(len(times), sign * rng.uniform(0.0, 0.3)))
        pose[:, joint(f"{side}_hip")] = multiply(apart, about("z", hip - lean))
        pose[:, joint(f"{side}_knee")] = about("z", np.full(len(times), -knee))
        pose[:, joint(f"{side}_ankle")] = about("z", np.full(len(times), 0.0 if forward else -0.9))
    _low_arms(rng, times, pose)
    return _lowered(times, pose)


def sit_down(rng: np.random.Generator, seconds: float) -> Motion:
    """Return sitting on the floor, legs stretched, drawn up or crossed."""
    times, pose = rest(seconds)
    sway(rng, times, pose, size=0.04)
    lean = rng.uniform(-0.4, 0.5)
    pose[:, 0] = multiply(about("z", np.full(len(times), lean)), pose[:, 0])
    for side, sign in _SIDES:
        knee = rng.uniform(0.0, 2.2)
        hip = about("z", np.full(len(times), 1.4 - lean + 0.45 * knee * rng.uniform(0.5, 1.0)))
        apart = about("x", np.full(len(times), sign * rng.uniform(0.0, 0.6)))
        pose[:, joint(f"{side}_hip")] = multiply(apart, hip)
        pose[:, joint(f"{side}_knee")] = about("z", np.full(len(times), -knee))
    _low_arms(rng, times, pose)
    return _lowered(times, pose)


EVERYDAY: dict[str, Action] = ACTIONS | {
    "stand": Action(procedures=(idle, stand_about, stand_about, stand_about), seconds=(0.7, 4.5)),
    "walk": Action(("walk",), (stroll, stroll, stroll), seconds=(1.2, 6.0), travels=True),
    "run": Action(("run",), (run, jog, jog), seconds=(1.6, 5.0), travels=True),
    "wave": Action(procedures=(wave, wave_about), seconds=(1.8, 5.0)),
    "crouch": Action(
        procedures=(crouch, crouch, kneel, sit_down), seconds=(1.5, 4.5), blend_seconds=0.5
    ),
    "lie": Action(procedures=(lie,), seconds=(1.5, 4.0), blend_seconds=0.9),
}
"""The labels of the streams with more ways of performing those that people do every day."""


def _shift_weight(rng: np.random.Generator, times: _Floats, pose: _Floats) -> None:
    """Let the hips wander from leg to leg, feet apart, one knee easy."""
    width = rng.uniform(0.0, 0.22)
    lean = 0.09 * rng.random() * slow_noise(rng, times, 0.35)[:, 0]
    ease = np.maximum(0.0, 0.3 * rng.random() * slow_noise(rng, times, 0.3, 2))
    for number, (side, sign) in enumerate(_SIDES):
        spread = about("x", sign * width - lean)
        pose[:, joint(f"{side}_hip")] = multiply(spread, about("z", ease[:, number]))
        pose[:, joint(f"{side}_knee")] = about("z", -1.8 * ease[:, number])
    pose[:, 0] = multiply(about("x", lean), pose[:, 0])


def _busy_arms(rng: np.random.Generator, times: _Floats, pose: _Floats) -> None:
    """Let one or both hands talk, hold something up, scratch, or rest in a pocket."""
    kind = rng.choice(["talk", "talk", "hold", "head", "pocket", "point"])
    sides = _SIDES if rng.random() < 0.5 else (_SIDES[int(rng.integers(2))],)
    for side, sign in sides:
        size = rng.uniform(0.1, 0.5) if kind == "talk" else rng.uniform(0.0, 0.08)
        curves = size * slow_noise(rng, times, rng.uniform(0.6, 2.0), 3)
        flexion, abduction, elbow = {
            "talk": (rng.uniform(0.2, 0.7), rng.uniform(0.05, 0.4), rng.uniform(0.9, 1.8)),
            "hold": (rng.uniform(0.5, 1.2), 0.1, rng.uniform(0.9, 1.7)),
            "head": (rng.uniform(0.8, 1.6), rng.uniform(0.1, 0.6), rng.uniform(1.9, 2.4)),
            "pocket": (rng.uniform(-0.3, 0.1), rng.uniform(0.15, 0.35), rng.uniform(0.5, 0.9)),
            "point": (rng.uniform(0.9, 1.7), rng.uniform(0.0, 0.6), rng.uniform(0.0, 0.4)),
        }[str(kind)]
        raised = multiply(
            about("x", sign * (abduction + curves[:, 0])), about("z", flexion + curves[:, 1])
        )
        pose[:, joint(f"{side}_shoulder")] = raised
        pose[:, joint(f"{side}_elbow")] = about("z", np.maximum(0.0, elbow + curves[:, 2]))


def _look_down(rng: np.random.Generator, pose: _Floats) -> None:
    pose[:, joint("neck")] = multiply(about("z", -rng.uniform(0.2, 0.7)), pose[:, joint("neck")])
    pose[:, joint("chest")] = multiply(about("z", -rng.uniform(0.0, 0.3)), pose[:, joint("chest")])


def _turn_about(rng: np.random.Generator, motion: Motion) -> None:
    """Turn on the spot now and then, with small steps."""
    times = motion.seconds
    turning = np.maximum(0.0, slow_noise(rng, times, 0.4)[:, 0] - rng.uniform(-0.5, 0.8))
    rate = rng.uniform(0.2, 1.3) * rng.choice([-1.0, 1.0])
    step = np.diff(times, prepend=times[0])
    angle = np.cumsum(turning * rate * step)
    motion.rotations[:, 0] = multiply(yaw(angle), motion.rotations[:, 0])
    lifted = 0.5 * np.minimum(1.0, turning) * rng.uniform(0.3, 1.0)
    phase = 2 * np.pi * times * rng.uniform(0.8, 1.4)
    for side, shift in (("right", 0.0), ("left", np.pi)):
        lift = lifted * np.maximum(0.0, np.sin(phase + shift))
        hip, knee = joint(f"{side}_hip"), joint(f"{side}_knee")
        motion.rotations[:, hip] = multiply(motion.rotations[:, hip], about("z", lift))
        motion.rotations[:, knee] = multiply(motion.rotations[:, knee], about("z", -1.7 * lift))
    wander = rng.uniform(0.0, 0.12) * slow_noise(rng, times, 0.25, 2)
    motion.root_positions[:, [0, 2]] += wander - wander[0]


def _push_along(rng: np.random.Generator, motion: Motion) -> None:
    """Stretch both arms forward, as behind a pram or a trolley."""
    reach, bend = rng.uniform(0.4, 0.9), rng.uniform(0.1, 0.9)
    for side, sign in _SIDES:
        arm = multiply(about("x", sign * 0.12), about("z", reach))
        motion.rotations[:, joint(f"{side}_shoulder")] = arm
        motion.rotations[:, joint(f"{side}_elbow")] = about("z", bend)


def _bend_path(rng: np.random.Generator, motion: Motion, turn: float) -> None:
    """Let a straight path along +x wander to the sides."""
    angle = turn * slow_noise(rng, motion.seconds, 0.25)[:, 0]
    forward = np.diff(motion.root_positions[:, 0], prepend=motion.root_positions[0, 0])
    motion.root_positions[:, 0] = np.cumsum(forward * np.cos(angle))
    motion.root_positions[:, 2] = np.cumsum(-forward * np.sin(angle))
    motion.rotations[:, 0] = multiply(yaw(angle), motion.rotations[:, 0])


def _is_raised(motion: Motion, side: str) -> bool:
    points = forward_kinematics(motion.root_positions[:1], motion.rotations[:1])[0]
    return bool(points[joint(f"{side}_elbow"), 1] > points[joint(f"{side}_shoulder"), 1] - 0.05)


def _low_arms(rng: np.random.Generator, times: _Floats, pose: _Floats) -> None:
    for side, sign in _SIDES:
        reach = rng.uniform(-0.2, 1.3) + 0.15 * slow_noise(rng, times, 0.8)[:, 0]
        bend = np.maximum(0.0, rng.uniform(0.1, 1.6) + 0.15 * slow_noise(rng, times, 1.0)[:, 0])
        arm = multiply(about("x", sign * rng.uniform(0.05, 0.5)), about("z", reach))
        pose[:, joint(f"{side}_shoulder")] = arm
        pose[:, joint(f"{side}_elbow")] = about("z", bend)


def _lowered(times: _Floats, pose: _Floats) -> Motion:
    """Lay the lowest joint on the floor, whichever it is."""
    points = forward_kinematics(np.zeros((len(times), 3)), pose)
    positions = np.zeros((len(times), 3))
    positions[:, 1] = 0.07 - points[:, : len(JOINTS), 1].min(1)
    return Motion(times, positions, pose, loops=False)
