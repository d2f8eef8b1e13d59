from collections import Counter

import numpy as np
import pytest

from vidcache.training.data.hold_out import hold_out


def random_clips(seed):
    generator = np.random.default_rng(seed)
    labels = [f"label{number}" for number in range(generator.integers(2, 9))]
    return {
        f"clip{number}": frozenset(
            generator.choice(labels, generator.integers(0, min(4, len(labels)))).tolist()
        )
        for number in range(generator.integers(2, 60))
    }


@pytest.mark.parametrize("seed", range(40))
def test_every_label_stays_in_training_and_is_held_out_where_it_can_be(seed):
    clips = random_clips(seed)
    held = hold_out(clips, 0.25, seed)
    count = Counter(label for labels in clips.values() for label in labels)
    kept = {label for name, labels in clips.items() if name not in held for label in labels}
    assert kept == set(count)
    missing = set(count) - {label for name in held for label in clips[name]}
    for label in missing:
        # Each video that shows it is the last one left of some other label, or of this one.
        left = Counter(n for name in clips if name not in held for n in clips[name])
        options = [name for name in clips if label in clips[name]]
        assert all(any(left[n] == 1 for n in clips[name]) for name in options)


def test_the_choice_depends_on_the_seed_alone():
    clips = random_clips(1)
    turned = dict(reversed(clips.items()))
    assert hold_out(clips, 0.3, 5) == hold_out(turned, 0.3, 5)
    assert len({frozenset(hold_out(clips, 0.3, seed)) for seed in range(10)}) > 5


def test_the_share_is_held_out_of_each_label():
    clips = {f"{label}{n}": frozenset([label]) for label in "abcd" for n in range(10)}
    count = Counter(name[0] for name in hold_out(clips, 0.2, 0))
    assert count == {"a": 2, "b": 2, "c": 2, "d": 2}


def test_videos_that_show_nothing_are_shared_out_as_well():
    clips = {f"clip{n}": frozenset[str]() for n in range(10)}
    assert len(hold_out(clips, 0.3, 0)) == 3


def test_a_share_of_nothing_and_a_single_video_hold_out_none():
    assert hold_out({"a": frozenset(["x"]), "b": frozenset(["x"])}, 0.0, 0) == set()
    assert hold_out({"a": frozenset(["x"])}, 0.5, 0) == set()
