# pyright: basic
"""Quaternions as arrays: everything that a skeleton needs and nothing more.

A rotation is a unit quaternion (w, x, y, z) in the last axis of an array.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["about", "heading", "mirrored", "multiply", "power", "rotate", "slerp", "yaw"]

_Floats = NDArray[np.float64]

_AXES = {"x": 1, "y": 2, "z": 3}


def about(axis: str, radians: float | _Floats) -> _Floats:
    """Return the rotation about one coordinate axis.

    Args:
        axis: ``"x"``, ``"y"`` or ``"z"``.
        radians: The angle or an array of angles, of shape (...).

    Returns:
        Quaternions of shape (..., 4).
    """
    half = np.asarray(radians, dtype=np.float64) / 2
    result = np.zeros((*half.shape, 4))
    result[..., 0] = np.cos(half)
    result[..., _AXES[axis]] = np.sin(half)
    return result


def multiply(first: _Floats, second: _Floats) -> _Floats:
    """Return the product: ``second`` is applied first, then ``first``.

    Args:
        first: Quaternions, shape (..., 4).
        second: Quaternions, shape (..., 4), broadcast against ``first``.

    Returns:
        Quaternions of the broadcast shape.
    """
    w1, x1, y1, z1 = first[..., 0], first[..., 1], first[..., 2], first[..., 3]
    w2, x2, y2, z2 = second[..., 0], second[..., 1], second[..., 2], second[..., 3]
    return np.stack(
        (
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ),
        axis=-1,
    )


def rotate(rotations: _Floats, vectors: _Floats) -> _Floats:
    """Rotate vectors.

    Args:
        rotations: Quaternions, shape (..., 4).
        vectors: Vectors, shape (..., 3), broadcast against ``rotations``.

    Returns:
        The rotated vectors, of the broadcast shape.
    """
    # Written out: np.cross is several times slower on arrays as small as these.
    w, x, y, z = rotations[..., 0], rotations[..., 1], rotations[..., 2], rotations[..., 3]
    a, b, c = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    p, q, r = 2 * (y * c - z * b), 2 * (z * a - x * c), 2 * (x * b - y * a)
    return np.stack(
        (
            a + w * p + y * r - z * q,
            b + w * q + z * p - x * r,
            c + w * r + x * q - y * p,
        ),
        axis=-1,
    )


def slerp(start: _Floats, end: _Floats, weight: float | _Floats) -> _Floats:
    """Interpolate along the shorter arc (normalised linear, close to slerp for small arcs).

    Args:
        start: Quaternions, shape (..., 4).
        end: Quaternions, shape (..., 4).
        weight: 0 gives ``start``, 1 gives ``end``; an array has the shape (...).

    Returns:
        Unit quaternions of the broadcast shape.
    """
    part = np.asarray(weight, dtype=np.float64)[..., None]
    sign = np.where((start * end).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    mixed = start * (1 - part) + sign * end * part
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


def power(rotations: _Floats, exponent: float | _Floats) -> _Floats:
    """Scale the angle of rotations.

    Args:
        rotations: Quaternions, shape (..., 4).
        exponent: Factor of the angle, broadcast against (...).

    Returns:
        Quaternions of the broadcast shape.
    """
    signed = rotations * np.where(rotations[..., :1] < 0, -1.0, 1.0)
    half = np.arccos(np.clip(signed[..., 0], -1.0, 1.0)) * exponent
    axis = signed[..., 1:]
    length = np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-9)
    return np.concatenate((np.cos(half)[..., None], np.sin(half)[..., None] * axis / length), -1)


def mirrored(rotations: _Floats) -> _Floats:
    """Reflect rotations in the body's middle plane, which swaps right and left (+z and -z).

    Args:
        rotations: Quaternions, shape (..., 4).

    Returns:
        Quaternions of the same shape.
    """
    return rotations * np.array([1.0, -1.0, -1.0, 1.0])


def heading(rotations: _Floats) -> _Floats:
    """Return the direction in which a body faces, as an angle about the vertical axis.

    A body that lies face down heads where its head points; one that lies face up, where its
    feet point: so that falling and rising keep the heading.

    Args:
        rotations: Rotations of the body's root, shape (..., 4); at rest it faces +x, y is up.

    Returns:
        Angles in radians, shape (...), 0 along +x.
    """
    front = rotate(rotations, np.array([1.0, 0.0, 0.0]))
    up = rotate(rotations, np.array([0.0, 1.0, 0.0]))
    direction = front - front[..., 1:2] * up
    return np.arctan2(-direction[..., 2], direction[..., 0])


def yaw(radians: float | _Floats) -> _Floats:
    """Return the rotation about the vertical axis (y)."""
    return about("y", radians)
