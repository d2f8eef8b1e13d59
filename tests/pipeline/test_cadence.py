"""Which frames the detector looks at, and what the results say of the others."""

import csv
import importlib.util

import numpy as np
import pytest
from coloured_objects import ColourDetector, draw_objects
from in_memory import BrightestSpot, ListSource

from vidcache.config import Config
from vidcache.errors import ConfigError
from vidcache.frames import Frame
from vidcache.pipeline import Feed, ObjectModels, Pipeline
from vidcache.pipeline.cadence import Cadence
from vidcache.tracking import UltralyticsTracker
from vidcache.video import read_jsonl
from vidcache.video.sinks import CsvSink, JsonlSink, MotSink

if not all(importlib.util.find_spec(name) for name in ("ultralytics", "lap", "cv2")):
    pytest.skip("needs the extra 'run'", allow_module_level=True)

PERSON = (30, 20, 70, 100)


def film(num_frames, boxes, *, cut_at=None, flags=None):
    """Frames of a still camera in which the box of each frame is drawn, if it has one."""
    rng = np.random.default_rng(3)
    walls = [
        np.kron(rng.integers(5, 190, (12, 16, 1), np.uint8), np.ones((10, 10, 3), np.uint8))
        for _ in range(2)
    ]
    frames = []
    for index in range(num_frames):
        wall = walls[cut_at is not None and index >= cut_at]
        drawn = draw_objects(*boxes(index))
        image = np.where(drawn.any(2, keepdims=True), drawn, wall)
        frames.append(Frame(image, index, index / 10, flags=(flags or {}).get(index, ())))
    return frames


def walking(index):
    return [(10 + 2 * index, 20, 50 + 2 * index, 100)]


def run(model, frames, every, *, sinks=(), objects=None, settings=None):
    config = Config.model_validate({"track": {"detect_every": every}, **(settings or {})})
    tracker = UltralyticsTracker(ColourDetector())
    pipeline = Pipeline(model, tracker, config=config, objects=objects)
    results = list(pipeline.run(ListSource(frames), sinks=sinks))
    return results, pipeline.summary


def looked_at(results):
    return [result.index for result in results if "predicted" not in result.flags]


def said(results):
    return [(r.index, r.objects, r.session, r.flags, r.actions) for r in results]


def test_every_frame_is_looked_at_unless_something_else_is_asked_for(small_model):
    frames = film(20, walking)
    by_hand = UltralyticsTracker(ColourDetector())
    for config in (Config(), Config.model_validate({"track": {"detect_every": 1}})):
        tracker = UltralyticsTracker(ColourDetector())
        pipeline = Pipeline(small_model, tracker, config=config)
        results = list(pipeline.run(ListSource(frames)))
        by_hand.reset()
        assert [r.objects for r in results] == [by_hand.update(f.image_rgb) for f in frames]
        assert all(result.flags == () for result in results)
        assert "looks" not in pipeline.summary.end_record()


@pytest.mark.parametrize("every", [2, 3, 7])
def test_the_detector_really_looks_at_every_nth_frame_only(small_model, every):
    looks = []

    class Noting(ColourDetector):
        def detect(self, image_rgb):
            looks.append(image_rgb.any())
            return super().detect(image_rgb)

    config = Config.model_validate({"track": {"detect_every": every}})
    pipeline = Pipeline(small_model, UltralyticsTracker(Noting()), config=config)
    results = list(pipeline.run(ListSource(film(30, walking))))
    expected = list(range(0, 30, every))
    assert looked_at(results) == expected
    # A stage is warmed up with black pictures.
    assert sum(looks) == len(expected)
    summary = pipeline.summary
    assert (summary.num_looks, summary.num_predicted) == (len(expected), 30 - len(expected))
    assert summary.end_record()["looks"] == {
        "frames": len(expected),
        "share": round(len(expected) / 30, 4),
    }
    assert summary.stages["detect"].num_frames == len(expected)
    assert summary.stages["track"].num_frames == 30


def test_an_object_keeps_its_number_and_its_place_between_looks(small_model):
    results, _ = run(small_model, film(40, walking), 4)
    for result in results[9:]:
        (track,) = result.objects
        assert track.id == 1
        assert track.box_xyxy == pytest.approx(walking(result.index)[0], abs=4)


@pytest.mark.parametrize("every", [3, "auto"])
def test_a_new_session_is_looked_at_at_once(small_model, every):
    frames = film(24, lambda index: [PERSON], cut_at=10)
    results, _ = run(small_model, frames, every)
    assert [result.session for result in results] == [0] * 10 + [1] * 14
    looks = looked_at(results)
    assert 10 in looks
    if every == 3:
        assert looks == [0, 3, 6, 9, 10, 13, 16, 19, 22]
    assert [len(result.objects) for result in results] == [1] * 24


def test_auto_looks_when_somebody_enters_a_still_picture(small_model):
    def boxes(index):
        return [PERSON] if index >= 15 else []

    results, summary = run(small_model, film(40, boxes), "auto")
    # At 15 because of the change, at 16 to confirm who came, and else at every tenth frame.
    assert looked_at(results) == [0, 10, 15, 16, 25, 35]
    assert [len(result.objects) for result in results] == [0] * 16 + [1] * 24
    assert summary.num_looks == 6


def test_auto_looks_while_somebody_walks(small_model):
    results, _ = run(small_model, film(30, walking), "auto")
    assert len(looked_at(results)) > 20


def test_auto_follows_somebody_who_has_left(small_model):
    results, _ = run(small_model, film(30, lambda i: [PERSON] if i < 14 else []), "auto")
    assert [len(result.objects) for result in results] == [1] * 14 + [0] * 16


@pytest.mark.parametrize("every", [3, "auto"])
@pytest.mark.parametrize("batch", [1, 5, 64])
def test_results_do_not_depend_on_how_frames_are_grouped(small_model, every, batch):
    def boxes(index):
        return walking(index) if 7 <= index < 30 else []

    frames = film(45, boxes, cut_at=33, flags={20: ("tainted",)})
    expected = [r[1:4] for r in said(run(small_model, frames, every)[0])]
    got = run(small_model, frames, every, settings={"batch": batch})[0]
    assert [r[1:4] for r in said(got)] == expected


@pytest.mark.parametrize("every", [3, "auto"])
def test_a_file_beside_others_has_the_results_that_it_has_alone(small_model, every):
    films = [
        film(30, walking),
        film(17, lambda i: [PERSON] if i > 5 else []),
        film(25, walking, cut_at=11),
    ]
    config = Config.model_validate({"track": {"detect_every": every}})
    pipeline = Pipeline(small_model, UltralyticsTracker(ColourDetector()), config=config)
    feeds = [Feed(str(number), ListSource(frames)) for number, frames in enumerate(films)]
    results = {feed.name: [] for feed in feeds}
    for name, result in pipeline.run_many(feeds):
        results[name].append(result)
    for number, frames in enumerate(films):
        assert said(results[str(number)]) == said(run(small_model, frames, every)[0])


@pytest.mark.parametrize("num_threads", [1, 3])
def test_results_do_not_depend_on_the_number_of_workers(small_model, num_threads):
    import torch

    frames = film(40, walking, cut_at=22)
    expected = [r[1:4] for r in said(run(small_model, frames, "auto")[0])]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(num_threads)
        got = run(small_model, frames, "auto")[0]
    finally:
        torch.set_num_threads(before)
    assert [r[1:4] for r in said(got)] == expected


def test_outputs_say_which_frames_were_predicted(small_model, tmp_path):
    paths = [tmp_path / name for name in ("out.jsonl", "out.csv", "out.txt")]
    sinks = [JsonlSink(paths[0]), CsvSink(paths[1]), MotSink(paths[2])]
    run(small_model, film(12, walking), 3, sinks=sinks)
    recording = read_jsonl(paths[0])
    assert looked_at(recording.frames) == [0, 3, 6, 9]
    assert recording.end["looks"] == {"frames": 4, "share": 0.3333}
    with paths[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows if row["flags"] != "predicted"] == ["0", "3", "6", "9"]
    assert len(paths[2].read_text().splitlines()) == 12


@pytest.mark.parametrize("every", [3, "auto"])
def test_people_are_labelled_between_looks_as_well(object_model, every):
    frames = film(30, walking, flags={14: ("tainted",)})
    settings = {"objects": {"labels": ["red"], "camera_motion": "off"}}
    results, _ = run(None, frames, every, objects=ObjectModels(object_model), settings=settings)
    assert any("predicted" in result.flags for result in results) == (every == 3)
    for result in results:
        (track,) = result.objects
        assert track.action is not None
        assert 0 < track.action_score <= 1


def test_a_tracker_that_cannot_predict_is_refused(small_model):
    config = Config.model_validate({"track": {"detect_every": 2}})
    with pytest.raises(ConfigError, match="detect_every is 2, and the tracker brightest cannot"):
        Pipeline(small_model, BrightestSpot(), config=config)
    Pipeline(small_model, None, config=config)


def test_a_break_in_the_stream_begins_the_count_anew():
    cadence = Cadence(4)
    frames = film(9, walking)
    looks = [cadence.looks_at(frame, after_break=frame.index == 6) for frame in frames]
    assert [index for index, look in enumerate(looks) if look] == [0, 4, 6]
