import numpy as np
import pytest

from vidcache.errors import ConfigError, InputError, ModelError
from vidcache.tracking import Detector, Tracker, TwoStepTracker, UltralyticsTracker

NAMES = ["botsort", "bytetrack", "deepocsort", "fasttrack", "ocsort", "tracktrack"]


def walk(tracker, frames):
    return [tracker.update(frame) for frame in frames]


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_tracker_holds_two_objects_under_numbers_1_and_2(name, colours, moving):
    tracks = walk(UltralyticsTracker(colours(), tracker=name), moving)
    assert [t.id for t in tracks[-1]] == [1, 2]
    first, second = tracks[-1]
    assert {first.label, second.label} == {"red", "other"}
    red = first if first.label == "red" else second
    assert red.box_xyxy == pytest.approx((43, 20, 73, 90), abs=4)


@pytest.mark.parametrize("name", NAMES)
def test_reset_starts_a_new_session_whose_numbers_begin_at_1(name, colours, moving):
    tracker = UltralyticsTracker(colours(), tracker=name)
    before = walk(tracker, moving)
    tracker.reset()
    assert tracker.session == 1
    assert walk(tracker, moving) == before


def test_trackers_that_share_a_detector_do_not_touch_each_other(colours, draw, moving):
    detector = colours()
    alone = walk(UltralyticsTracker(detector), moving)
    first, second = UltralyticsTracker(detector), UltralyticsTracker(detector)
    shared = []
    for frame in moving:
        shared.append(first.update(frame))
        second.update(draw((60, 60, 80, 80)))
        second.update(draw())
    assert shared == alone


def test_a_number_is_not_given_twice_after_an_object_has_left(colours, draw):
    settings = {"track_buffer": 2}
    tracker = UltralyticsTracker(colours(), tracker_settings=settings)
    there, gone = draw((10, 10, 40, 80)), draw()
    seen = []
    for frame in [there] * 4 + [gone] * 6 + [there] * 4:
        seen += [t.id for t in tracker.update(frame)]
    assert sorted(set(seen)) == [1, 2]


def test_the_table_of_numbers_does_not_grow_with_the_stream(colours, draw):
    tracker = UltralyticsTracker(colours(), tracker_settings={"track_buffer": 1})
    for _ in range(40):
        for frame in [draw((10, 10, 40, 80))] * 2 + [draw()] * 3:
            tracker.update(frame)
    assert tracker._last_number > 20
    assert len(tracker._numbers) <= 2


def test_an_object_that_is_seen_once_gets_no_number(colours, draw):
    tracker = UltralyticsTracker(colours())
    tracker.update(draw())
    assert tracker.update(draw((10, 10, 40, 80))) == ()
    assert tracker.update(draw()) == ()


def test_boxes_are_cut_at_the_edge_of_the_picture(colours, draw):
    class Beyond(colours):
        def detect(self, image_rgb):
            (found,) = super().detect(image_rgb)
            return (type(found)(found.label, found.score, (-30.0, -20.0, 50.0, 500.0)),)

    (track,) = UltralyticsTracker(Beyond()).update(draw((0, 0, 50, 120)))
    assert track.box_xyxy == pytest.approx((0, 0, 50, 120), abs=0.01)


def test_pictures_may_be_looked_at_ahead_and_in_any_order(colours, moving):
    tracker = UltralyticsTracker(colours())
    assert isinstance(tracker, TwoStepTracker)
    seen = {number: tracker.look([moving[number]])[0] for number in reversed(range(len(moving)))}
    followed = [tracker.follow(seen[number]) for number in range(len(moving))]
    assert followed == walk(UltralyticsTracker(colours()), moving)


def test_labels_keep_their_objects_although_frames_show_others_first(colours, draw):
    tracker = UltralyticsTracker(colours())
    both, other = draw((10, 10, 40, 80), (90, 10, 120, 80)), draw((0, 0, 0, 0), (90, 10, 120, 80))
    for frame in [other] * 3 + [both] * 3:
        tracks = tracker.update(frame)
    assert [(track.id, track.label) for track in tracks] == [(1, "other"), (2, "red")]


def test_it_is_a_tracker_and_says_what_it_is(colours):
    tracker = UltralyticsTracker(colours(), tracker="ocsort")
    assert isinstance(tracker, Tracker)
    assert isinstance(tracker.detector, Detector)
    assert tracker.name == "ocsort"
    assert tracker.description == "one box around each colour; tracker ocsort"


def test_an_unknown_tracker_is_refused_with_the_nearest_names(colours):
    with pytest.raises(ConfigError, match=r"unknown tracker 'bytetrak'.*did you mean .*bytetrack"):
        UltralyticsTracker(colours(), tracker="bytetrak")


def test_a_motion_compensation_that_does_not_exist_is_refused(colours):
    with pytest.raises(ConfigError, match="botsort refuses its settings: Unknown GMC method"):
        UltralyticsTracker(colours(), tracker="botsort", tracker_settings={"gmc_method": "radar"})


def test_motion_compensation_keeps_still_objects_while_the_camera_jumps(colours):
    noise = np.random.default_rng(0).integers(0, 120, (30, 90, 1), np.uint8)
    world = np.kron(noise, np.ones((10, 10, 3), np.uint8))
    world[100:200, 400:420] = (200, 0, 0)
    frames = [world[:, x : x + 500] for x in (0, 0, 0, 0, 40, 80, 120, 160)]
    still = UltralyticsTracker(colours(), tracker="botsort")
    assert [t.id for t in walk(still, frames)[-1]] == [1]
    without = {"gmc_method": "none"}
    plain = UltralyticsTracker(colours(), tracker="botsort", tracker_settings=without)
    assert [t.id for t in walk(plain, frames)[-1]] != [1]


def test_reid_uses_the_features_of_a_detector_that_has_them(untrained_dense_model):
    tracker = UltralyticsTracker(
        untrained_dense_model,
        tracker="botsort",
        tracker_settings={"with_reid": True, "track_high_thresh": 0.0002,
                          "new_track_thresh": 0.0002, "track_low_thresh": 0.0001},
        confidence=1e-4,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    image = rng.integers(0, 255, (128, 128, 3), np.uint8)
    seen = tracker.detector.observe([image])[0]
    assert seen.features is not None
    assert len(seen.features) == len(seen.rows) > 0
    tracker.update(image)


def test_reid_without_features_asks_for_a_model_by_name(monkeypatch, tmp_path, colours):
    monkeypatch.setenv("VIDCACHE_OFFLINE", "1")
    monkeypatch.setenv("VIDCACHE_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"yolo26n-cls\.pt.*'model' in the tracker's settings"):
        UltralyticsTracker(colours(), tracker="deepocsort", tracker_settings={"with_reid": True})


def test_tracktrack_gets_what_suppression_took_away(untrained_dense_model):
    tracker = UltralyticsTracker(untrained_dense_model, tracker="tracktrack", confidence=1e-4)
    image = np.random.default_rng(1).integers(0, 255, (128, 128, 3), np.uint8)
    boxes, scores, classes = tracker.detector.observe([image])[0].suppressed
    assert len(boxes) == len(scores) == len(classes) > 0
    tracker.update(image)


def test_a_picture_of_another_type_is_refused(untrained_model):
    tracker = UltralyticsTracker(untrained_model)
    with pytest.raises(InputError, match=r"\(8, 8\) and type float64.*expected \(height, width, 3"):
        tracker.update(np.zeros((8, 8)))


def test_a_twin_follows_another_stream_with_the_same_detector(colours, moving):
    alone = walk(UltralyticsTracker(colours(), tracker="ocsort"), moving)
    tracker = UltralyticsTracker(colours(), tracker="ocsort", tracker_settings={"track_buffer": 60})
    twin = tracker.twin()
    assert twin.detector is tracker.detector
    assert twin.settings == tracker.settings
    pairs = [(tracker.update(image), twin.update(image)) for image in moving]
    assert [first for first, _ in pairs] == [second for _, second in pairs] == alone
    tracker.reset()
    assert (tracker.session, twin.session) == (1, 0)
