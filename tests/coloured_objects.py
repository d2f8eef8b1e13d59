"""Drawn pictures with coloured objects, and a detector that finds them."""

import numpy as np

from vidcache.tracking import Detection

_COLOURS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (0, 200, 200)]


class ColourDetector:
    """A real detector for drawn pictures: each of a few colours is one object.

    It counts its looks.
    """

    name = "colours"
    description = "one box around each colour"

    def __init__(self):
        self.num_looks = 0

    def detect(self, image_rgb):
        self.num_looks += 1
        found = []
        for colour in _COLOURS:
            rows, columns = np.nonzero((image_rgb == np.uint8(colour)).all(axis=2))
            if not len(rows):
                continue
            box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            label = "red" if colour[0] else "other"
            found.append(Detection(label, 0.9, tuple(float(v) for v in box)))
        return tuple(found)


def draw_objects(*boxes, size=(120, 160)):
    """A black picture with one rectangle of a colour of its own for each box."""
    image = np.zeros((*size, 3), np.uint8)
    for (left, top, right, bottom), colour in zip(boxes, _COLOURS, strict=False):
        image[top:bottom, left:right] = colour
    return image
