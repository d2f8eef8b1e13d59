"""The actions of every tracked person, through the whole pipeline."""

import numpy as np
import pytest
import torch
from in_memory import BrightestSpot, ListSource, RecordingSink, make_frames
from object_script import LABELS, Script, make_object_model

from vidcache.config import Config
from vidcache.encoder import FrameEncoder
from vidcache.errors import ConfigError
from vidcache.frames import Event
from vidcache.pipeline import UNSURE, Feed, ObjectModels, Pipeline

BOTH = [[(1, 2.0 + 1.5 * i), (2, 30.0 - i)] for i in range(20)]


def run(
    object_model, frames, story, *, model=None, label="person", sinks=(), pose=None, **settings
):
    objects = ObjectModels(object_model, pose)
    config = Config.model_validate({"objects": {"camera_motion": "off"}, **settings})
    pipeline = Pipeline(model, Script(story, label), config=config, objects=objects)
    return list(pipeline.run(ListSource(frames), sinks=sinks)), pipeline.summary


def actions_of(results, number):
    return [
        (track.action, track.action_score)
        for result in results
        for track in result.objects
        if track.id == number
    ]


def said(results):
    return [(r.index, r.action, r.actions, r.objects, r.session, r.events) for r in results]


def test_each_object_is_labelled_as_if_it_were_alone(object_model):
    together, _ = run(object_model, make_frames(20), BOTH)
    for number in (1, 2):
        story = [[track for track in tracks if track[0] == number] for tracks in BOTH]
        alone, _ = run(object_model, make_frames(20), story)
        mine, expected = (
            np.array([score for _, score in actions_of(results, number)])
            for results in (together, alone)
        )
        np.testing.assert_allclose(mine, expected, atol=2e-5)
        assert len(mine) == 20
    assert len({round(score, 3) for _, score in actions_of(together, 1)}) > 5


def test_the_actions_of_a_frame_are_the_best_among_its_objects(object_model):
    story = [[], *BOTH[1:10], []]
    results, _ = run(object_model, make_frames(11), story, threshold=0.5)
    for result in results[1:10]:
        assert {score.label for score in result.actions} == set(LABELS)
        best = max(result.objects, key=lambda track: track.action_score)
        assert result.actions[0].score == best.action_score
        for track in result.objects:
            assert track.action in (*LABELS, UNSURE)
            assert (track.action == UNSURE) == (track.action_score < object_model.threshold)
    for empty in (results[0], results[10]):
        assert (empty.action, empty.actions) == (UNSURE, ())


@pytest.mark.parametrize(("batch", "is_live"), [(1, False), (7, False), (1, True)])
def test_sources_beside_others_have_the_results_that_they_have_alone_to_the_bit(
    object_model, batch, is_live
):
    lengths = (20, 13, 5)
    stories = [
        [[(n, 1.0 * n + k + i) for n in range(1, 2 + (i + k) % 3)] for i in range(length)]
        for k, length in enumerate(lengths)
    ]

    class Told(Script):
        """Tells each source its own story, by the frames that it is shown."""

        def __init__(self):
            super().__init__(None)

        def update(self, image_rgb):
            if self._frames is None:
                self._frames = stories[int(image_rgb[0, 0, 0])]
            return super().update(image_rgb)

        def twin(self):
            return Told()

    def frames(number):
        made = make_frames(lengths[number], first=100 * number)
        for frame in made:
            frame.image_rgb[0, 0] = number
        return made

    config = Config(batch=batch)
    pipeline = Pipeline(None, Told(), config=config, objects=ObjectModels(object_model))
    results = {str(number): [] for number in range(len(lengths))}
    feeds = [Feed(name, ListSource(frames(int(name)), is_live=is_live)) for name in results]
    for name, result in pipeline.run_many(feeds):
        results[name].append(result)
    for number in range(len(lengths)):
        alone = Pipeline(None, Told(), config=config, objects=ObjectModels(object_model))
        expected = list(alone.run(ListSource(frames(number), is_live=is_live)))
        assert said(results[str(number)]) == said(expected)
    assert pipeline.errors == {}


def test_both_labels_the_frame_as_without_objects(small_model, object_model):
    frames = make_frames(20)
    alone = list(Pipeline(small_model).run(ListSource(frames)))
    both, _ = run(object_model, frames, BOTH, model=small_model)
    only, _ = run(object_model, frames, BOTH)
    assert [r.actions for r in both] == [r.actions for r in alone]
    assert [r.objects for r in both] == [r.objects for r in only]


def test_objects_of_damaged_frames_repeat_their_label_and_stay_out_of_the_memory(object_model):
    flags = {n: ("tainted",) for n in (6, 7, 12)}
    results, _ = run(object_model, make_frames(20, flags=flags), BOTH)
    shown = actions_of(results, 1)
    assert shown[6] == shown[7] == shown[5]
    good = [i for i in range(20) if i not in flags]
    frames = [frame for frame in make_frames(20) if frame.index in good]
    expected, _ = run(object_model, frames, [BOTH[i] for i in good])
    assert [shown[i] for i in good] == actions_of(expected, 1)


def test_other_things_have_no_action(object_model):
    results, _ = run(object_model, make_frames(5), BOTH, label="dog")
    assert {(track.action, track.action_score) for r in results for track in r.objects} == {
        (None, None)
    }
    assert all(result.actions == () for result in results)
    named, _ = run(object_model, make_frames(5), BOTH, label="dog", objects={"labels": ["dog"]})
    assert all(track.action is not None for r in named for track in r.objects)


def test_a_reset_of_the_memory_begins_every_object_anew(object_model):
    gaps = {"state_reset_seconds": 0.5, "tracker_reset_seconds": None, "scene_cuts": False}
    gaps["seconds"] = 0.5
    frames = make_frames(20, jumps={10: 0.8})
    results, _ = run(object_model, frames, BOTH, gaps=gaps)
    anew, _ = run(object_model, frames[10:], BOTH[10:], gaps=gaps)
    assert actions_of(results, 1)[10:] == actions_of(anew, 1)
    aged, _ = run(object_model, frames, BOTH, gaps={**gaps, "state_reset_seconds": None})
    assert actions_of(aged, 1) != actions_of(results, 1)


def test_events_say_which_object(object_model):
    sink = RecordingSink()
    settings = {"events": {"enter": 1e-6, "leave": 1e-6, "min_seconds": 0.2}}
    story = [tracks if index < 12 else tracks[:1] for index, tracks in enumerate(BOTH)]
    results, _ = run(object_model, make_frames(20), story, sinks=[sink], **settings)
    events = [e for r in results for e in r.events if isinstance(e, Event)]
    # Every label of both objects begins, since nothing is below the thresholds.
    assert {(e.label, e.object_id) for e in events if e.kind == "start"} == {
        (label, number) for label in LABELS for number in (1, 2)
    }
    ends = {(e.frame, e.object_id) for e in events if e.kind == "end"}
    assert ends == {(12, 2), (20, 1)}


def test_header_summary_and_end_say_what_was_labelled(object_model):
    sink = RecordingSink()
    _, summary = run(object_model, make_frames(20), BOTH, sinks=[sink])
    assert sink.header["object_labels"] == sink.header["labels"] == list(LABELS)
    assert (sink.header["model"], sink.header["object_model"]) == ("none", "person")
    assert sum(summary.object_action_seconds.values()) == pytest.approx(4.0)
    assert sink.end["cache"]["objects"]["tracks"] == 2
    assert set(sink.end["timings"]) == {"decode", "track", "camera", "objects", "recording"}


class Dots:
    """Finds every keypoint in the middle of its box, and nobody on the left."""

    def __init__(self):
        self.num_boxes = 0

    def estimate(self, image_rgb, boxes_xyxy):
        self.num_boxes += len(boxes_xyxy)
        middles = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
        found = np.ones((len(boxes_xyxy), 17, 3), np.float32)
        found[..., :2] = middles[:, None]
        found[middles[:, 0] < 12] = np.nan
        return found


def test_a_pose_estimator_gives_the_keypoints_that_the_detector_does_not(object_model, monkeypatch):
    # Poses of bodies as small as those of these pictures are not believed otherwise.
    monkeypatch.setattr("vidcache.model.object_model.pose_features.MIN_BODY_PIXELS", 1.0)
    pose = Dots()
    results, _ = run(object_model, make_frames(20), BOTH, pose=pose)
    assert pose.num_boxes == 40
    assert results[0].objects[0].keypoints is None
    np.testing.assert_array_equal(results[0].objects[1].keypoints[3, :2], [34.0, 14.0])
    without, _ = run(object_model, make_frames(20), BOTH)
    assert actions_of(results, 2) != actions_of(without, 2)


def test_a_model_that_looks_at_regions_is_shown_what_is_under_the_boxes():
    torch.manual_seed(0)
    encoder = FrameEncoder(
        "vit_tiny_patch16_224", None, image_size=32, fit="pad", model_args={"depth": 1}
    )
    model = make_object_model(("motion", "region"), region_features=encoder.num_features)
    objects = ObjectModels(model, encoder=encoder)
    pictures = [make_frames(8), make_frames(8, first=50)]
    shown = []
    for frames in pictures:
        pipeline = Pipeline(None, Script(BOTH), objects=objects)
        shown.append(actions_of(pipeline.run(ListSource(frames)), 1))
    assert shown[0] != shown[1]
    with pytest.raises(ConfigError, match="under each box, and the encoder gives 0"):
        ObjectModels(model)


def test_models_that_label_nothing_together_are_refused(object_model, small_model):
    with pytest.raises(ConfigError, match="give a model, objects, or both"):
        Pipeline(None, BrightestSpot())
    with pytest.raises(ConfigError, match="give a tracker"):
        Pipeline(small_model, objects=ObjectModels(object_model))
    with pytest.raises(ConfigError, match="the detector is none"):
        Pipeline.from_config(Config(actions="per-object", detector="none"))


def test_a_prefix_cache_needs_a_model_of_whole_pictures(tmp_path, object_model):
    path = tmp_path / "objects.safetensors"
    object_model.save(path)
    settings = {"actions": "per-object", "detector": "bundled", "prefix_cache": str(tmp_path)}
    with pytest.raises(ConfigError, match="leave it out, or label both"):
        Pipeline.from_config(
            Config.model_validate({**settings, "objects": {"model": str(path), "pose": "none"}})
        )
