import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("av")

from measure_taint import CODECS, compare, damage, encode, read


@pytest.mark.parametrize("codec", CODECS[:2], ids=lambda codec: codec.name)
@pytest.mark.parametrize("kind", ["flip", "lose"])
def test_every_picture_of_h264_that_is_visibly_wrong_is_tainted(
    make_video: Callable[..., Path], tmp_path: Path, codec, kind
) -> None:
    video = make_video(tmp_path / "scene.mp4", num_frames=100, rate=25, size=(192, 128))
    clean, broken = tmp_path / "clean.mkv", tmp_path / "broken.mkv"
    encode(video, clean, codec, 100, 192)
    truth = read(clean)
    assert len(truth) == 100
    assert not any(tainted for _, tainted in truth.values())
    counts: Counter[str] = Counter()
    for seed in range(4):
        damage(clean, broken, kind, 0.05, random.Random(seed))
        counts += compare(truth, read(broken))
    assert counts["wrong"] > 10
    assert counts["missed"] == 0
    assert counts["vain"] < counts["pictures"] / 2
