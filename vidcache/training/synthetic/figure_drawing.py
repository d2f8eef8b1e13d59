# pyright: basic
"""Drawing one figure: shaded capsules in the order of their distance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.appearance import Appearance
from vidcache.training.synthetic.camera import View
from vidcache.training.synthetic.skeleton import joint
from vidcache.video.drawing import draw_capsule

__all__ = ["draw_figure"]

_Floats = NDArray[np.float64]
_Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Part:
    """A capsule between two points in space, with its radii in metres."""

    start: _Floats
    end: _Floats
    radii: tuple[float, float]
    color: _Floats
    nearer: float = 0.0


def draw_figure(
    image: _Picture,
    owners: _Picture,
    owner: int,
    points: _Floats,
    appearance: Appearance,
    view: View,
    light: _Floats,
) -> tuple[float, float, float, float] | None:
    """Draw a figure and mark its pixels.

    Args:
        image: The picture, changed in place.
        owners: Whose pixel each one is, shape (height, width), changed in place.
        owner: The number to mark this figure's pixels with, from 1.
        points: Its keypoints in space, shape (18, 3), metres.
        appearance: What it looks like.
        view: The camera.
        light: Direction that the light comes from, shape (3,).

    Returns:
        Left, top, right, bottom of the whole figure, pixels, also where it is outside the
        picture; None where it is behind the camera.
    """
    parts = _parts(points, appearance)
    ends = np.array([(part.start, part.end) for part in parts])
    pixels, depths = view.project(ends)
    if depths.min() < 0.2:
        return None
    radii = np.array([part.radii for part in parts]) * view.focal / depths
    order = np.argsort(-(depths.mean(1) - np.array([part.nearer for part in parts])))
    towards = view.axes @ light
    for index in order:
        part = parts[index]
        shape = (pixels[index, 0], pixels[index, 1], tuple(radii[index].tolist()))
        draw_capsule(owners, *shape, owner, smooth=False)
        _draw_shaded(image, *shape, part.color, towards)
    low = (pixels - radii[..., None]).min((0, 1))
    high = (pixels + radii[..., None]).max((0, 1))
    # Drawn discs are rounded to whole pixels: one pixel of margin keeps them inside.
    return (float(low[0]) - 1, float(low[1]) - 1, float(high[0]) + 1, float(high[1]) + 1)


def _draw_shaded(
    image: _Picture,
    start: _Floats,
    end: _Floats,
    radii: tuple[float, float],
    color: _Floats,
    towards: _Floats,
) -> None:
    along = end - start
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
    facing = float(abs(across @ towards[:2]))
    draw_capsule(image, start, end, radii, color * (0.62 + 0.1 * facing))
    if min(radii) < 1.2:
        return
    lit = towards[:2] * 0.3
    inner = (radii[0] * 0.66, radii[1] * 0.66)
    draw_capsule(image, start + lit * radii[0], end + lit * radii[1], inner, color)


def _parts(points: _Floats, look: Appearance) -> list[_Part]:
    size = look.proportions.stature * look.thickness

    def at(name: str) -> _Floats:
        return points[joint(name)]

    parts: list[_Part] = []
    for side in ("right", "left"):
        hip, knee, ankle = at(f"{side}_hip"), at(f"{side}_knee"), at(f"{side}_ankle")
        shin = look.trousers if look.legs == "long" else look.skin
        thigh_end = 0.11 if look.legs == "skirt" else 0.058
        parts.append(_Part(hip, knee, (0.082 * size, thigh_end * size), look.trousers))
        parts.append(_Part(knee, ankle, (0.055 * size, 0.04 * size), shin))
        parts.append(_Part(ankle, at(f"{side}_toe"), (0.042 * size, 0.034 * size), look.shoes))
        shoulder, elbow, wrist = (at(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
        upper = look.skin if look.sleeves == "none" else look.shirt
        lower = look.shirt if look.sleeves == "long" else look.skin
        parts.append(_Part(shoulder, elbow, (0.055 * size, 0.043 * size), upper * 0.94))
        parts.append(_Part(elbow, wrist, (0.042 * size, 0.032 * size), lower * 0.94))
        hand = wrist + (wrist - elbow) * 0.22
        parts.append(_Part(wrist, hand, (0.038 * size, 0.035 * size), look.skin))
    return parts + _trunk(points, look, size) + _head(points, look)


def _trunk(points: _Floats, look: Appearance, size: float) -> list[_Part]:
    root, neck = points[joint("root")], points[joint("neck")]
    right_hip, left_hip = points[joint("right_hip")], points[joint("left_hip")]
    right, left = points[joint("right_shoulder")], points[joint("left_shoulder")]
    parts = [_Part(right_hip, left_hip, (0.09 * size, 0.09 * size), look.trousers, 0.02)]
    # Slices from the waist to the shoulders: wider than deep, like a trunk.
    for slice_index, part in enumerate((0.12, 0.3, 0.48, 0.66, 0.84, 0.97)):
        narrow = (0.62, 0.55, 0.56, 0.62, 0.66, 0.6)[slice_index]
        hips = right_hip + (right - right_hip) * part, left_hip + (left - left_hip) * part
        middle = (hips[0] + hips[1]) / 2
        ends = [middle + (end - middle) * narrow * size / look.proportions.stature for end in hips]
        striped = look.stripes is not None and slice_index % 2 == 1
        color = look.stripes if striped and look.stripes is not None else look.shirt
        radius = (0.1, 0.095, 0.1, 0.105, 0.095, 0.075)[slice_index] * size
        parts.append(_Part(ends[0], ends[1], (radius, radius), color, 0.03))
    collar = root + (neck - root) * 0.98
    parts.append(_Part(collar, points[joint("head")], (0.05 * size, 0.05 * size), look.skin, 0.0))
    return parts


def _head(points: _Floats, look: Appearance) -> list[_Part]:
    head, neck = points[joint("head")], points[joint("neck")]
    radius = 0.098 * look.proportions.stature
    up = (head - neck) / max(float(np.linalg.norm(head - neck)), 1e-6)
    right = points[joint("right_shoulder")] - points[joint("left_shoulder")]
    front = np.cross(up, right)
    front = front / max(float(np.linalg.norm(front)), 1e-6)
    crown = head + up * 0.2 * radius - front * 0.22 * radius
    face = head + front * 0.25 * radius
    chin = face - up * 0.4 * radius
    parts = [
        _Part(face, chin, (0.92 * radius, 0.8 * radius), look.skin, 0.04),
        _Part(crown, crown, (radius, radius), look.hair, 0.03),
    ]
    if look.long_hair:
        nape = head - up * 1.2 * radius - front * 0.6 * radius
        parts.append(_Part(crown, nape, (0.9 * radius, 0.6 * radius), look.hair, 0.02))
    return parts
