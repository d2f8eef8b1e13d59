"""Every person labelled with what comes with vidcache, on rendered figures."""

from pathlib import Path

import numpy as np
import pytest

from vidcache.batch.plan import decide_models
from vidcache.config import Config
from vidcache.errors import ModelError
from vidcache.pipeline import Pipeline
from vidcache.tracking import UltralyticsPose, bundled_pose_model
from vidcache.video import open_source

pytest.importorskip("ultralytics", reason="needs the extra 'run'")

SAMPLE = Path(__file__).parents[2] / "sample_videos" / "actions.mp4"


@pytest.fixture(autouse=True)
def nothing_else_at_hand(monkeypatch, tmp_path):
    """No published model in the working directory or the cache, and no network."""
    try:
        bundled_pose_model()
    except ModelError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("VIDCACHE_OFFLINE", "1")
    monkeypatch.setenv("VIDCACHE_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def watch(**settings):
    pipeline = Pipeline.from_config(Config.model_validate({"actions": "per-object", **settings}))
    with open_source(SAMPLE) as source:
        return pipeline, list(pipeline.run(source, max_frames=40))


def test_people_are_labelled_by_box_and_keypoints_in_one_pass():
    pipeline, results = watch()
    assert pipeline.model is None
    assert pipeline.objects.pose is None
    people = [track for result in results for track in result.objects]
    assert len(people) > 20
    assert sum(track.keypoints is not None for track in people) > len(people) // 2
    assert {track.action for track in people} <= {*pipeline.objects.model.labels, "unsure"}


def test_beside_a_detector_without_keypoints_a_pose_model_runs_unless_it_is_done_without():
    pipeline, results = watch(detector="bundled")
    assert isinstance(pipeline.objects.pose, UltralyticsPose)
    people = [track for result in results for track in result.objects]
    seen = [track.keypoints for track in people if track.keypoints is not None]
    assert len(seen) > len(people) // 2
    assert all(np.isfinite(keypoints).any() for keypoints in seen)
    without = Pipeline.from_config(
        Config.model_validate(
            {"actions": "per-object", "detector": "bundled", "objects": {"pose": "none"}}
        )
    )
    assert without.objects.pose is None


def test_workers_of_a_batch_are_told_which_pose_model():
    decided = decide_models(Config(actions="both"))
    assert decided.detector == decided.objects.pose == "bundled-pose"
