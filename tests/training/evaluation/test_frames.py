import json
import math
from dataclasses import astuple, replace

import numpy as np
import pytest
import torch

from vidcache import Composed, LogSpaced, SinkWindow, SlidingWindow, TimeWindow
from vidcache.errors import InputError
from vidcache.head import HeadConfig
from vidcache.model import ActionModel, ActionModelConfig
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.evaluation.frames import evaluate, judge
from vidcache.training.evaluation.streaming import clip_scores, delay_by_seconds, stream_scores
from vidcache.training.metrics import mean_average_precision

LABELS = ("nothing", "stand", "walk", "wave")
POLICIES = {
    "sliding": SlidingWindow(5),
    "sinks": SinkWindow(window=4, sink_frames=2),
    "seconds": TimeWindow(seconds=0.7, max_frames=6),
    "spaced": Composed((SinkWindow(window=2, sink_frames=1), LogSpaced(window=1, levels=3))),
}


def make_model(policy=POLICIES["sliding"], *, seed=0, activation="softmax", **settings):
    head = HeadConfig(
        in_features=192,
        width=32,
        depth=2,
        num_heads=2,
        num_iterations=2,
        num_outputs=len(LABELS),
        num_tokens=2,
        eviction=policy,
        **settings,
    )
    config = ActionModelConfig(
        "vit_tiny_patch16_224",
        LABELS,
        head,
        image_size=(32, 32),
        num_tokens=2,
        model_args={"depth": 1},
        temperature=2.0,
        threshold=0.4,
        activation=activation,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ActionModel(config, precision="fp32")
        for parameter in model.head.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def make_videos(lengths=(37, 5, 60, 1, 23, 48), seed=0):
    rng = np.random.default_rng(seed)
    videos = []
    for number, length in enumerate(lengths):
        targets = np.zeros((length, len(LABELS)), np.float32)
        label = np.cumsum(rng.random(length) < 0.2) % len(LABELS)
        targets[np.arange(length), label] = 1
        seconds = 3.0 + np.cumsum(rng.uniform(0, 0.3, length))
        ignore = rng.random(length) < 0.1
        features = rng.normal(size=(length, 2, 192)).astype(np.float16)
        videos.append(EncodedVideo(f"video {number}", features, seconds, targets, ignore))
    return videos


def numbers(value) -> list[float]:
    """All numbers in a tree of tuples; other leaves are left out."""
    if isinstance(value, tuple):
        return [number for entry in value for number in numbers(entry)]
    return [float(value)] if isinstance(value, (int, float)) else []


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("positions", ["index", "seconds"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_streamed_evaluation_is_that_of_the_clip_in_every_metric(policy, positions, activation):
    model = make_model(
        POLICIES[policy], positions=positions, activation=activation, cache_scope="iteration"
    )
    videos = make_videos()
    streamed = evaluate(model, videos)
    clip = judge(clip_scores(model, videos), videos, LABELS, threshold=0.4, activation=activation)
    pairs = list(zip(numbers(astuple(streamed)), numbers(astuple(clip)), strict=True))
    assert len(pairs) > 80
    for ours, theirs in pairs:
        assert ours == pytest.approx(theirs, abs=1e-6, nan_ok=True)
    assert 0.1 < streamed.mean_average_precision < 0.9


def test_scores_do_not_depend_on_what_runs_beside_a_video():
    model, videos = make_model(), make_videos()
    together = stream_scores(model, videos, rows=3)
    for video, scores in zip(videos, together, strict=True):
        alone = stream_scores(model, [video])[0]
        np.testing.assert_allclose(scores, alone, atol=1e-6)
        assert scores.shape == (len(video), len(LABELS))


def test_scores_are_those_of_the_model_and_leave_it_as_it_is():
    model, video = make_model(), make_videos((12,))[0]
    scores = stream_scores(model, [video])[0]
    assert model.head.empty_prediction.dtype == torch.float32
    state = model.init_state()
    for frame in range(12):
        features = torch.as_tensor(video.features[None, frame : frame + 1]).float()
        said = model.step(features, state)[0, 0]
        np.testing.assert_allclose(scores[frame], said.numpy(), atol=1e-4)


def test_progress_counts_every_frame():
    done = []
    stream_scores(make_model(), make_videos((4, 7, 2)), rows=2, progress=done.append)
    assert sum(done) == 13


def test_a_delay_lets_later_scores_judge_a_frame():
    model, videos = make_model(), make_videos((6, 3))
    now, late = stream_scores(model, videos), stream_scores(model, videos, delay=2)
    np.testing.assert_array_equal(late[0], now[0][[2, 3, 4, 5, 5, 5]])
    np.testing.assert_array_equal(late[1], now[1][[2, 2, 2]])
    evaluation = evaluate(model, videos, delay=2)
    kept = ~np.concatenate([video.ignore for video in videos])
    targets = np.concatenate([video.targets for video in videos])
    assert evaluation.mean_average_precision == pytest.approx(
        mean_average_precision(np.concatenate(late)[kept], targets[kept])
    )
    assert (evaluation.delay, evaluation.delay_unit) == (2, "frames")
    # A start is known when it is said, however long one waits for the frame's label.
    starts = evaluate(model, videos).starts
    assert evaluation.starts.average_precisions == starts.average_precisions


def test_a_delay_in_seconds_takes_the_last_frame_within_it():
    scores = np.arange(5, dtype=np.float32)[:, None]
    seconds = np.array([0.0, 0.1, 0.2, 0.5, 0.6])
    assert delay_by_seconds(scores, seconds, 0.2)[:, 0].tolist() == [2, 2, 2, 4, 4]
    assert delay_by_seconds(scores, seconds, 0.0)[:, 0].tolist() == [0, 1, 2, 3, 4]


def perfect(video: EncodedVideo) -> np.ndarray:
    return (0.05 + 0.8 * video.targets).astype(np.float32)


def test_perfect_scores_are_perfect_in_everything():
    videos = [replace(video, ignore=np.zeros(len(video), bool)) for video in make_videos()]
    evaluation = judge([perfect(video) for video in videos], videos, LABELS, threshold=0.5)
    assert evaluation.mean_average_precision == evaluation.accuracy == evaluation.edit == 1.0
    assert evaluation.f1 == (1.0, 1.0, 1.0)
    assert evaluation.starts.mean_average_precision == evaluation.starts.recall == 1.0
    assert evaluation.starts.mean_latency == evaluation.unsure == 0.0
    assert all(label.precision == label.recall == 1.0 for label in evaluation.labels)
    assert np.trace(evaluation.confusion) == evaluation.num_frames == 174
    assert evaluation.calibration_error == pytest.approx(0.15)


def test_ignored_frames_count_nowhere():
    videos = make_videos()
    scores = [perfect(video) for video in videos]
    for said, video in zip(scores, videos, strict=True):
        said[video.ignore] = [0.0, 0.0, 0.0, 1.0]
    evaluation = judge(scores, videos, LABELS, threshold=0.5)
    ignored = sum(int(video.ignore.sum()) for video in videos)
    assert (evaluation.num_ignored, evaluation.num_frames) == (ignored, 174 - ignored)
    assert evaluation.mean_average_precision == evaluation.accuracy == evaluation.edit == 1.0


def test_what_is_said_below_the_threshold_is_unsure():
    video = make_videos((40,))[0]
    scores = perfect(video)
    scores[:10] *= 0.5
    video = replace(video, ignore=np.zeros(40, bool))
    evaluation = judge([scores], [video], LABELS, threshold=0.5)
    assert evaluation.unsure == 0.25
    assert evaluation.accuracy == 1.0
    shown = [label for label in evaluation.labels if label.num_frames]
    assert sum(label.recall * label.num_frames for label in shown) == pytest.approx(30)


def test_labels_that_go_side_by_side_have_segments_and_starts_each():
    targets = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 1, 1], [0, 0, 1]], np.float32)
    video = EncodedVideo(
        "both", np.zeros((5, 1, 4), np.float16), np.arange(5.0), targets, np.zeros(5, bool)
    )
    labels = ("nothing", "walk", "wave")
    evaluation = judge([perfect(video)], [video], labels, threshold=0.5, activation="sigmoid")
    assert evaluation.f1 == (1.0, 1.0, 1.0)
    assert math.isnan(evaluation.edit)
    assert (evaluation.starts.num_starts, evaluation.starts.num_detected) == (2, 2)
    single = judge([perfect(video)], [video], labels, threshold=0.5)
    assert single.labels[2].recall == pytest.approx(1 / 3)
    # Waves begin while walking goes on, and then are what segments are made of.
    assert single.edit == 1.0
    assert single.f1 == (1.0, 1.0, 0.0)


def test_an_evaluation_is_written_as_json_without_nan():
    video = make_videos((9,))[0]
    targets = np.eye(4, dtype=np.float32)[[0] * 9]
    evaluation = judge([perfect(video)], [replace(video, targets=targets)], LABELS)
    written = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert written["mean_average_precision"] is None
    assert written["labels"][0] == {
        "label": "nothing",
        "num_frames": evaluation.num_frames,
        "average_precision": None,
        "calibrated_average_precision": None,
        "precision": written["labels"][0]["precision"],
        "recall": written["labels"][0]["recall"],
    }
    assert written["starts"]["offsets"] == list(range(1, 11))


def test_what_cannot_be_judged_is_refused():
    model, videos = make_model(), make_videos((3,))
    with pytest.raises(InputError, match="no videos"):
        evaluate(model, [])
    with pytest.raises(InputError, match="'video 0' has no frame"):
        stream_scores(model, make_videos((0,)))
    with pytest.raises(InputError, match="delay is -1"):
        evaluate(model, videos, delay=-1)
    with pytest.raises(InputError, match=r"delay is -0\.5"):
        evaluate(model, videos, delay_seconds=-0.5)
    with pytest.raises(InputError, match="give one of them"):
        evaluate(model, videos, delay=1, delay_seconds=1.0)
    with pytest.raises(InputError, match="every frame"):
        judge([perfect(videos[0])], [replace(videos[0], ignore=np.ones(3, bool))], LABELS)
    with pytest.raises(InputError, match="3 frames of 3 labels"):
        judge([perfect(videos[0])], videos, LABELS[:3])
