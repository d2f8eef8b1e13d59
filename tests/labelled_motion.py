"""Videos whose labels only time tells: of single frames nothing can be said."""

import numpy as np

from vidcache.training.encoded_video import EncodedVideo


def make_motion_videos(count, *, num_frames=24, seed=0, num_tokens=2, width=6, rate=10.0):
    """Videos of a point that goes round one way or the other; label 0 where it rests."""
    videos = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        pieces = np.repeat(rng.integers(0, 3, num_frames // 6 + 1), 6)[:num_frames]
        speed = np.array([0.0, 0.7, -0.7])[pieces]
        angle = rng.uniform(0, 2 * np.pi) + np.cumsum(speed)
        features = 0.05 * rng.standard_normal((num_frames, num_tokens, width))
        features[:, 0, 0] += np.cos(angle)
        features[:, -1, 1] += np.sin(angle)
        videos.append(
            EncodedVideo(
                f"v{number}",
                features.astype(np.float16),
                np.arange(num_frames) / rate,
                np.eye(3, dtype=np.float32)[pieces],
                np.zeros(num_frames, bool),
            )
        )
    return videos
