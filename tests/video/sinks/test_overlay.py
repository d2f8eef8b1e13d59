import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from sink_input import make_frame, make_result

from vidcache.errors import InputError
from vidcache.frames import ActionScore, Frame, FrameResult, LabelChange, Track
from vidcache.video import Overlay
from vidcache.video.sinks.palette import UNSURE, Palette, id_color

LABELS = ["nobody", "stand", "walk", "jumping_jacks"]
SIZES = [(320, 240), (768, 576), (1920, 1080), (1080, 1920)]


def grey(size: tuple[int, int], index: int = 0, seconds: float = 0.0, **fields: object) -> Frame:
    image = np.full((size[1], size[0], 3), 128, np.uint8)
    return Frame(image, index, seconds, **fields)  # type: ignore[arg-type]


def result(
    index: int = 0, seconds: float = 0.0, action: str = "walk", **fields: object
) -> FrameResult:
    actions = tuple(ActionScore(label, 0.7 / 2**i) for i, label in enumerate(reversed(LABELS)))
    return FrameResult(index, seconds, action, actions, **fields)  # type: ignore[arg-type]


def has_color(image: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return (np.abs(image.astype(int) - color) <= 2).all(axis=2)


@pytest.mark.parametrize("size", SIZES)
def test_a_drawn_frame_keeps_its_size_and_most_of_its_picture(size: tuple[int, int]) -> None:
    frame = grey(size)
    before = frame.image_rgb.copy()
    drawn = Overlay(LABELS).draw(frame, result())
    assert drawn.shape == before.shape
    assert drawn.dtype == np.uint8
    assert np.array_equal(frame.image_rgb, before)
    covered = (drawn != 128).any(axis=2).mean()
    assert 0.05 < covered < 0.4


def test_boxes_are_drawn_where_the_objects_are_in_the_colour_of_their_id() -> None:
    box = (300.0, 200.0, 400.0, 500.0)
    drawn = Overlay(LABELS).draw(grey((768, 576)), result(objects=(Track(5, "person", 0.9, box),)))
    rows, columns = np.nonzero(has_color(drawn, id_color(5)))
    assert (columns.min(), columns.max()) == pytest.approx((300, 400), abs=3)
    assert rows.max() == pytest.approx(500, abs=3)
    assert 170 < rows.min() < 200
    assert (drawn[240:480, 320:380] == 128).all()


def test_boxes_that_reach_out_of_the_picture_are_cut_off() -> None:
    overlay = Overlay(LABELS)
    for box in [(-50.0, -50.0, 900.0, 900.0), (700.0, 300.0, 800.0, 310.0), (9e3, 0.0, 9e4, 5.0)]:
        overlay.draw(grey((768, 576)), result(objects=(Track(1, "person", 0.9, box),)))


def test_the_strip_shows_the_last_seconds_in_the_colours_of_their_actions() -> None:
    overlay = Overlay(LABELS, strip_seconds=10.0)
    palette = Palette(LABELS)
    size = (768, 576)
    drawn = np.zeros((size[1], size[0], 3), np.uint8)
    for index in range(301):
        seconds = index / 10
        action = "walk" if seconds < 25 else "unsure"
        drawn = overlay.draw(grey(size, index, seconds), result(index, seconds, action))
    row = drawn[size[1] - 12]
    walk = np.nonzero(has_color(row[None], palette.color("walk"))[0])[0]
    unsure = np.nonzero(has_color(row[None], UNSURE)[0])[0]
    assert walk.max() < unsure.min()
    assert len(walk) == pytest.approx(size[0] / 2, abs=40)
    assert len(unsure) == pytest.approx(size[0] / 2, abs=40)


def test_the_strip_forgets_what_is_past() -> None:
    overlay = Overlay(LABELS, strip_seconds=2.0)
    for index in range(1000):
        action = LABELS[index % 4]
        overlay.draw(grey((64, 48), index, index / 10), result(index, index / 10, action))
    assert len(overlay._runs) <= 22


def test_a_video_that_begins_again_begins_an_empty_strip() -> None:
    overlay, fresh = Overlay(LABELS), Overlay(LABELS)
    for index in range(20):
        overlay.draw(grey((320, 240), index, index / 10), result(index, index / 10, "stand"))
    again = overlay.draw(grey((320, 240)), result())
    assert np.array_equal(again, fresh.draw(grey((320, 240)), result()))


def test_flags_are_shown() -> None:
    frame = grey((768, 576), flags=("tainted",))
    plain = Overlay(LABELS).draw(grey((768, 576)), result())
    drawn = Overlay(LABELS).draw(frame, result(flags=("tainted",)))
    changed = np.nonzero((drawn != plain).any(axis=2))
    assert len(changed[0])
    assert changed[1].min() > 768 // 2
    assert changed[0].max() < 576 // 4


def test_a_frame_that_no_detector_looked_at_is_drawn_like_the_others() -> None:
    plain, predicted = (
        Overlay(LABELS).draw(grey((320, 240)), result(flags=flags))
        for flags in ((), ("predicted",))
    )
    assert np.array_equal(plain, predicted)


def test_the_same_results_draw_the_same_picture() -> None:
    first, second = (Overlay(LABELS).draw(grey((320, 240)), result()) for _ in range(2))
    assert np.array_equal(first, second)


def test_two_threads_can_draw_at_once() -> None:
    def draw(number: int) -> np.ndarray:
        overlay, image = Overlay(LABELS), np.zeros(0)
        for index in range(60):
            track = Track(index, f"object {number} {index}", 0.9, (20.0, 120.0, 90.0, 200.0))
            image = overlay.draw(grey((320, 240), index, index / 10), result(objects=(track,)))
        return image

    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(draw, [7] * 8))
    assert all(np.array_equal(image, drawn[0]) for image in drawn)


def test_odd_results_are_drawn_too() -> None:
    overlay = Overlay()
    for actions in [(), (ActionScore("x" * 80, float("1.7")),), (ActionScore("ü ß 走", -0.5),)]:
        for size in [(1, 1), (16, 8), (40, 400), (320, 240)]:
            overlay.draw(grey(size), FrameResult(0, 0.0, "a_very_long_action_name", actions))


def test_labels_have_colours_of_their_own() -> None:
    labels = [f"action_{index}" for index in range(16)]
    colors = [Palette(labels).color(label) for label in labels]
    apart = [
        np.abs(np.subtract(a, b)).sum() for a, b in itertools.combinations([*colors, UNSURE], 2)
    ]
    assert min(apart) > 40
    assert Palette().color("walk") == Palette().color("walk")
    assert Palette(labels).color("unsure") == UNSURE


def test_a_strip_of_no_time_is_refused() -> None:
    with pytest.raises(InputError, match="strip_seconds"):
        Overlay(LABELS, strip_seconds=0)


def test_new_labels_have_the_colours_that_they_would_have_had_from_the_beginning():
    new = ("nobody", "wave", "clap")
    result = make_result(0, action="clap", actions=(ActionScore("clap", 0.9),))
    frame = make_frame(0, size=(320, 240))
    expected = Overlay(new).draw(frame, result)
    changed = replace(result, events=(LabelChange(0, 0.0, new),))
    overlay = Overlay(["nobody", "walk"])
    np.testing.assert_array_equal(overlay.draw(frame, changed), expected)


def test_an_object_shows_what_it_does_in_the_colour_of_that_action() -> None:
    box = (300.0, 200.0, 400.0, 500.0)
    walking = Track(5, "person", 0.9, box, action="walk", action_score=0.8)
    drawn = Overlay(LABELS).draw(grey((768, 576)), result(action="stand", objects=(walking,)))
    rows, columns = np.nonzero(has_color(drawn[:500], Palette(LABELS).color("walk")))
    near = (rows > 170) & (columns > 300)
    assert near.sum() > 200
    assert rows[near].max() <= 203


def test_keypoints_are_joined_where_both_ends_are_seen() -> None:
    keypoints = np.zeros((17, 3), np.float32)
    keypoints[5:11] = [(330, 260, 0.9), (370, 260, 0.9)] * 3
    keypoints[9:11, 1] = 340
    box = (300.0, 200.0, 400.0, 500.0)
    overlay = Overlay(LABELS)
    for score, is_drawn in ((0.9, True), (0.1, False), (np.nan, False)):
        keypoints[9:11, 2] = score
        track = Track(5, "person", 0.9, box, keypoints)
        drawn = overlay.draw(grey((768, 576)), result(objects=(track,)))
        assert (drawn[290:330, 328:333] != 128).any() == is_drawn
        assert (drawn[258:263, 340:360] != 128).any()
    far = np.full((17, 3), 1e6, np.float32)
    overlay.draw(grey((768, 576)), result(objects=(Track(5, "person", 0.9, box, far),)))
