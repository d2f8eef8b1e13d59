"""Two runs are compared by labels, boxes and numbers; what the numbers are does not matter."""

import numpy as np
import pytest

from vidcache.bench.agreement import Seen, box_agreement, id_agreement, label_agreement


def seen(label, *objects):
    boxes = np.array([[x, 0.0, x + 10.0, 10.0] for _, x in objects]).reshape((len(objects), 4))
    return Seen(label, [number for number, _ in objects], boxes)


def test_the_same_run_agrees_whatever_its_numbers_are():
    one = [seen("a", (1, 0.0), (2, 50.0)), seen("b", (1, 2.0))]
    other = [seen("a", (7, 50.0), (9, 0.0)), seen("b", (9, 2.0))]
    assert label_agreement(one, other) == box_agreement(one, other) == id_agreement(one, other) == 1


def test_swapped_numbers_cost_numbers_but_not_boxes():
    one = [seen("a", (1, 0.0), (2, 50.0))] * 3
    other = [seen("a", (1, 0.0), (2, 50.0))] * 2 + [seen("a", (2, 0.0), (1, 50.0))]
    assert box_agreement(one, other) == 1
    assert id_agreement(one, other) == pytest.approx(4 / 6)


def test_a_missing_box_counts_once_for_each_side():
    assert box_agreement([seen("a", (1, 0.0), (2, 50.0))], [seen("a", (1, 1.0))]) == 2 / 3
    assert box_agreement([seen("a", (1, 0.0))], [seen("a", (1, 8.0))]) == 0
    assert box_agreement([seen("a")], [seen("b")]) == 1
    assert label_agreement([seen("a"), seen("a")], [seen("b"), seen("a")]) == 0.5
