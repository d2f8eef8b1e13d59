from dataclasses import replace

import numpy as np
import pytest
import torch
from labelled_motion import make_motion_videos

from vidcache.cache import FrameTimes, SinkWindow, SlidingWindow, TimeWindow, visible
from vidcache.errors import InputError
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.learning.clip_sampling import ClipSampler, Sampling


def numbered(num_frames, rate=10.0):
    """A video whose feature is the number of the frame."""
    features = np.arange(num_frames, dtype=np.float32).reshape(-1, 1, 1)
    targets = np.ones((num_frames, 1), np.float32)
    return EncodedVideo(
        "n", features, np.arange(num_frames) / rate, targets, np.zeros(num_frames, bool)
    )


def test_the_same_numbers_give_the_same_batch_in_any_order():
    sampling = Sampling(10, 4, tempo=1.5, frame_drop=0.4)
    videos = make_motion_videos(5)
    first = ClipSampler(videos, sampling, SlidingWindow(4), by_index=False, seed=3)
    again = ClipSampler(videos, sampling, SlidingWindow(4), by_index=False, seed=3)
    forwards = [first.batch(epoch, 2) for epoch in range(3)]
    backwards = [again.batch(epoch, 2) for epoch in (2, 1, 0)][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        for name in ("inputs", "seconds", "targets", "counted"):
            assert torch.equal(getattr(one, name), getattr(other, name))
    other = ClipSampler(videos, sampling, SlidingWindow(4), by_index=False, seed=4)
    assert other.batch(0, 2).inputs.shape != forwards[0].inputs.shape or not torch.equal(
        other.batch(0, 2).inputs, forwards[0].inputs
    )


def test_an_epoch_shows_every_video():
    videos = [replace(v, name=str(n)) for n, v in enumerate(make_motion_videos(7, num_frames=8))]
    for number, video in enumerate(videos):
        video.features[:] = number
    sampler = ClipSampler(videos, Sampling(8, 3, least_batches=1), None, by_index=False, seed=0)
    shown = [sampler.batch(0, n).inputs[:, 0, 0, 0] for n in range(sampler.batches_per_epoch)]
    assert set(torch.cat(shown).tolist()) == set(range(7))
    assert sampler.batches_per_epoch == 3


@pytest.mark.parametrize("policy", [SlidingWindow(4), SinkWindow(4, 2), TimeWindow(0.35, 8)])
def test_frames_that_lack_history_do_not_count(policy):
    video = numbered(200)
    sampler = ClipSampler([video], Sampling(20, 8), policy, by_index=True, seed=0)
    times = FrameTimes(torch.arange(200)[None], torch.from_numpy(video.seconds)[None])
    sees = visible(policy, times, times)[0]
    begun_late = 0
    for clip, counted in _clips(sampler):
        start = int(clip[0])
        if 0 < start <= 2:
            continue
        begun_late += start > 0
        for frame, counts in zip(clip, counted, strict=True):
            # The first two frames may stay visible for ever: no later clip can have them.
            needed = sees[int(frame), 2:start].any()
            assert counts == (not needed), (start, frame)
    assert begun_late > 10


def test_of_a_clip_shorter_than_the_window_half_counts():
    sampler = ClipSampler(
        [numbered(200)], Sampling(10, 8), SlidingWindow(64), by_index=True, seed=0
    )
    for clip, counted in _clips(sampler):
        assert counted.tolist() == ([True] * 10 if clip[0] == 0 else [False] * 5 + [True] * 5)


def test_short_clips_are_filled_up_with_frames_that_do_not_count():
    videos = [numbered(6), numbered(9)]
    sampler = ClipSampler(videos, Sampling(9, 2, 1), None, by_index=True, seed=0)
    batch = sampler.batch(0, 0)
    lengths = sorted(batch.counted.sum(1).tolist())
    assert lengths == [6, 9]
    short = int(batch.counted.sum(1).argmin())
    assert batch.inputs[short, :, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 5, 5, 5]
    assert (batch.seconds.diff(dim=1) >= 0).all()


def test_another_tempo_changes_seconds_or_frames():
    sampling = Sampling(20, 8, tempo=2.0)
    by_time = ClipSampler([numbered(60)], sampling, None, by_index=False, seed=0).batch(0, 0)
    steps = by_time.seconds.diff(dim=1)[:, 0]
    assert steps.min() < 0.09 < 0.11 < steps.max()
    assert (by_time.inputs[:, :, 0, 0].diff(dim=1) == 1).all()
    by_number = ClipSampler([numbered(60)], sampling, None, by_index=True, seed=0).batch(0, 0)
    spans = [
        float(row[count.nonzero()[-1, 0]] - row[0]) / int(count.sum())
        for row, count in zip(by_number.inputs[:, :, 0, 0], by_number.counted, strict=True)
    ]
    assert min(spans) < 0.9 < 1.1 < max(spans)


def test_dropped_frames_leave_a_gap_in_time():
    sampler = ClipSampler(
        [numbered(60)], Sampling(40, 8, frame_drop=0.5), None, by_index=False, seed=0
    )
    batch = sampler.batch(0, 0)
    assert (batch.inputs[:, :, 0, 0].diff(dim=1) > 1).any()
    assert torch.allclose(batch.inputs[:, :, 0, 0].double() / 10, batch.seconds)


def test_frames_to_ignore_do_not_count():
    video = numbered(8)
    video.ignore[3] = True
    batch = ClipSampler([video], Sampling(8, 1, 1), None, by_index=False, seed=0).batch(0, 0)
    assert batch.counted[0].tolist() == [True] * 3 + [False] + [True] * 4


def test_videos_that_do_not_fit_together_are_refused():
    videos = [*make_motion_videos(1), *make_motion_videos(1, width=4)]
    with pytest.raises(InputError, match="encoded alike"):
        ClipSampler(videos, Sampling(), None, by_index=False, seed=0)
    with pytest.raises(InputError, match="at least one video"):
        ClipSampler([], Sampling(), None, by_index=False, seed=0)


def _clips(sampler):
    """The frames of every clip of five epochs, and which of them count."""
    for epoch in range(5):
        for number in range(sampler.batches_per_epoch):
            batch = sampler.batch(epoch, number)
            yield from zip(batch.inputs[:, :, 0, 0], batch.counted, strict=True)
