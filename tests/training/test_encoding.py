import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from vidcache.encoder import FrameEncoder
from vidcache.encoder.features import FeatureStore, hash_file
from vidcache.errors import ConfigError, SourceError
from vidcache.training import encoding
from vidcache.training.data import LabelledVideo, Segment
from vidcache.training.encoding import encode_videos
from vidcache.video import open_source

pytest.importorskip("timm", reason="needs the extra 'run'")

_LABELS = ("background", "left", "right")


@pytest.fixture(scope="module")
def encoder() -> FrameEncoder:
    torch.manual_seed(0)
    return FrameEncoder("test_vit", None, image_size=64, num_tokens=5, precision="fp32")


@pytest.fixture
def video(small_video) -> LabelledVideo:
    """24 frames, 12 a second; the second is over at frame 12."""
    segments = (Segment(0.25, 1.0, "left"), Segment(1.0, 1.26, "right"))
    ignored = (Segment(1.5, 1.6, "ignore"),)
    return LabelledVideo("square", small_video, segments, "train", ignored=ignored)


class _EncodedError(Exception):
    """Raised where a frame is encoded that should not be."""


@pytest.fixture
def refuse_encoding(encoder):
    """Lets the encoder work so many times more, then fail."""
    hooks = []

    def _refuse(after: int = 0):
        calls = iter(range(after))

        def check(*_):
            if next(calls, None) is None:
                raise _EncodedError

        hooks.append(encoder.vit.patch_embed.register_forward_pre_hook(check))

    yield _refuse
    for hook in hooks:
        hook.remove()


def test_frames_are_encoded_and_labelled_by_their_times(encoder, video, tmp_path) -> None:
    (encoded,) = encode_videos([video], _LABELS, encoder, FeatureStore(tmp_path))
    with open_source(video.path) as source:
        frames = list(source)
    expected = torch.cat([encoder(frame.image_rgb[None]) for frame in frames])
    assert encoded.name == "square"
    assert encoded.features.dtype == np.float16
    np.testing.assert_allclose(encoded.features, expected.numpy(), atol=2e-3)
    assert encoded.seconds.tolist() == [frame.pts_seconds for frame in frames]
    shown = [[]] * 3 + [["left"]] * 9 + [["right"]] * 4 + [[]] * 8
    assert [[_LABELS[n] for n in np.flatnonzero(row) if n] for row in encoded.targets] == shown
    assert np.flatnonzero(encoded.ignore).tolist() == [18, 19]


def test_a_known_video_is_neither_decoded_nor_encoded(
    encoder, video, tmp_path, refuse_encoding, monkeypatch
) -> None:
    with FeatureStore(tmp_path / "store") as store:
        (first,) = encode_videos([video], _LABELS, encoder, store)
    refuse_encoding()
    monkeypatch.setattr(encoding, "open_source", None)
    moved = dataclasses.replace(video, path=Path(shutil.copy(video.path, tmp_path / "other.mp4")))
    told = []
    (again,) = encode_videos(
        [moved], _LABELS, encoder, FeatureStore(tmp_path / "store"),
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert isinstance(again.features, np.memmap)
    np.testing.assert_array_equal(again.features, first.features)
    np.testing.assert_array_equal(again.targets, first.targets)
    assert told == [(24, 24)]


def test_an_interrupted_run_goes_on_where_it_was(encoder, video, tmp_path, refuse_encoding) -> None:
    store = FeatureStore(tmp_path)
    refuse_encoding(after=4)
    with pytest.raises(_EncodedError):
        encode_videos([video], _LABELS, encoder, store, batch=4)
    assert len(store.of(encoder)) == 16
    store.close()
    encoder.vit.patch_embed._forward_pre_hooks.clear()
    refuse_encoding(after=2)
    (encoded,) = encode_videos([video], _LABELS, encoder, FeatureStore(tmp_path), batch=4)
    assert len(encoded) == 24


def test_progress_is_told_in_frames(encoder, video, tmp_path, make_video) -> None:
    other = LabelledVideo("other", make_video(tmp_path / "other.mp4", num_frames=7), (), "test")
    told = []
    encode_videos(
        [video, other], _LABELS, encoder, FeatureStore(tmp_path / "store"), batch=8,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told[0] == (8, 31)
    assert told[-1] == (31, 31)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_damaged_frames_do_not_count(encoder, video, tmp_path) -> None:
    store = FeatureStore(tmp_path)
    encode_videos([video], _LABELS, encoder, store)
    frames = store.frames_of(hash_file(video.path))
    tainted = np.arange(24) == 5
    store.keep_frames(hash_file(video.path), dataclasses.replace(frames, tainted=tainted))
    (encoded,) = encode_videos([video], _LABELS, encoder, store)
    assert np.flatnonzero(encoded.ignore).tolist() == [5, 18, 19]


def test_arrays_are_taken_as_they_are(tmp_path) -> None:
    features = np.random.default_rng(0).normal(size=(6, 32)).astype(np.float32)
    np.save(tmp_path / "features.npy", features)
    np.save(tmp_path / "targets.npy", np.eye(4)[[0, 1, 1, 2, 3, 0]])
    video = LabelledVideo(
        "game", None, (), "train", tmp_path / "features.npy", tmp_path / "targets.npy",
        ignored=(Segment(0.0, 1.0, "ambiguous"),), columns=("none", "left", "right", "ambiguous"),
        frame_rate=4.0,
    )  # fmt: skip
    (encoded,) = encode_videos([video], _LABELS, None, FeatureStore(tmp_path / "store"))
    np.testing.assert_array_equal(encoded.features[:, 0], features)
    assert encoded.seconds.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert encoded.targets.argmax(1).tolist() == [0, 1, 1, 2, 0, 0]
    assert encoded.ignore.tolist() == [False] * 4 + [True, False]


def test_what_cannot_be_encoded_is_refused(encoder, video, tmp_path) -> None:
    store = FeatureStore(tmp_path / "store")
    with pytest.raises(ConfigError, match="give an encoder"):
        encode_videos([video], _LABELS, None, store)
    (tmp_path / "empty.mp4").write_bytes(b"")
    empty = dataclasses.replace(video, path=tmp_path / "empty.mp4")
    with pytest.raises(SourceError, match=r"empty\.mp4"):
        encode_videos([empty], _LABELS, encoder, store)
    missing = dataclasses.replace(video, path=tmp_path / "missing.mp4")
    with pytest.raises(SourceError, match=r"cannot read '.*missing\.mp4': No such file"):
        encode_videos([missing], _LABELS, encoder, store)


def test_a_mirrored_video_is_that_of_mirrored_pictures(encoder, video, tmp_path) -> None:
    store = FeatureStore(tmp_path)
    (plain,) = encode_videos([video], _LABELS, encoder, store)
    (mirrored,) = encode_videos([video], _LABELS, encoder, store, mirrored=True)
    with open_source(video.path) as source:
        images = np.stack([frame.image_rgb[:, ::-1] for frame in source])
    expected = encoder(np.ascontiguousarray(images)).numpy()
    np.testing.assert_allclose(mirrored.features, expected, atol=2e-2)
    assert not np.allclose(mirrored.features, plain.features, atol=2e-2)
    np.testing.assert_array_equal(mirrored.targets, plain.targets)
    assert mirrored.name != plain.name
    arrays = LabelledVideo("arrays", None, (), "train", features=tmp_path)
    with pytest.raises(ConfigError, match="cannot be mirrored"):
        encode_videos([arrays], _LABELS, encoder, store, mirrored=True)
