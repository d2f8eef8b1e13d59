import numpy as np
import pytest
from PIL import Image

from vidcache.errors import SinkError
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.evaluation.frames import judge
from vidcache.training.plots import draw_evaluation


def make_videos(num_labels, num_videos, num_frames=30):
    rng = np.random.default_rng(0)
    videos, scores = [], []
    for number in range(num_videos):
        shown = np.repeat(rng.integers(0, num_labels, num_frames // 5), 5)
        targets = np.eye(num_labels, dtype=np.float32)[shown]
        ignore = np.zeros(num_frames, bool)
        ignore[:3] = number % 2
        features, seconds = np.zeros((num_frames, 1, 2), np.float16), np.arange(num_frames) / 10
        videos.append(EncodedVideo(f"clip {number}", features, seconds, targets, ignore))
        scores.append((0.8 * targets + rng.uniform(0, 0.2, targets.shape)).astype(np.float32))
    return videos, scores


@pytest.mark.parametrize(
    ("num_labels", "num_videos", "activation"), [(3, 1, "softmax"), (14, 45, "sigmoid")]
)
def test_every_picture_is_drawn(tmp_path, num_labels, num_videos, activation):
    videos, scores = make_videos(num_labels, num_videos)
    labels = [f"label {number}" for number in range(num_labels)]
    evaluation = judge(scores, videos, labels, threshold=0.5, activation=activation)
    paths = draw_evaluation(evaluation, scores, videos, tmp_path, activation=activation)
    assert {path.name for path in paths} == {
        "precision_recall.png",
        "confusion.png",
        "timelines.png",
        "reliability.png",
    }
    for path in paths:
        picture = np.asarray(Image.open(path).convert("L"))
        assert min(picture.shape) > 200
        assert picture.std() > 5


def test_a_video_where_only_the_background_is_shown_has_pictures_too(tmp_path):
    videos, scores = make_videos(1, 1)
    wide = [np.hstack([table, 0.1 * table]) for table in scores]
    padded = [
        EncodedVideo("one", v.features, v.seconds, np.pad(v.targets, ((0, 0), (0, 1))), v.ignore)
        for v in videos
    ]
    evaluation = judge(wide, padded, ["nothing", "walk"])
    assert len(draw_evaluation(evaluation, wide, padded, tmp_path)) == 4


def test_a_folder_that_is_not_there_is_said(tmp_path):
    videos, scores = make_videos(3, 1)
    evaluation = judge(scores, videos, ["nothing", "walk", "wave"])
    with pytest.raises(SinkError, match=r"precision_recall\.png' cannot be written"):
        draw_evaluation(evaluation, scores, videos, tmp_path / "missing")
