import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from vidcache.encoder import FrameEncoder
from vidcache.encoder.features import FeatureStore, FrameList, hash_frame
from vidcache.errors import ConfigError, InputError

pytest.importorskip("timm", reason="needs the extra 'run'")

_SHAPE = (5, 64)
_FRAME_BYTES = 2 * 5 * 64 + 24


def _make_encoder(**settings) -> FrameEncoder:
    torch.manual_seed(0)
    arguments = {"image_size": 64, "num_tokens": 5, "precision": "fp32"} | settings
    return FrameEncoder("test_vit", None, **arguments)


@pytest.fixture(scope="module")
def encoder() -> FrameEncoder:
    return _make_encoder()


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (8, 20, 30, 3), np.uint8)


def _hashes(pictures) -> list[bytes]:
    return [hash_frame(picture) for picture in pictures]


def _values(num_frames, first=0) -> np.ndarray:
    numbers = np.arange(first, first + num_frames, dtype=np.float16)
    return np.broadcast_to(numbers[:, None, None], (num_frames, *_SHAPE))


def _shards(store) -> list:
    return sorted(store.folder.rglob("*.index"), key=lambda path: path.stat().st_mtime_ns)


def test_features_are_found_again_by_the_next_process(encoder, pictures, tmp_path) -> None:
    expected = encoder(pictures)
    with FeatureStore(tmp_path) as store:
        store.of(encoder).put(_hashes(pictures), expected)
    found = FeatureStore(tmp_path).of(_make_encoder()).read(_hashes(pictures))
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, expected.half().numpy())


def test_what_is_being_written_can_be_read(encoder, pictures, tmp_path) -> None:
    features = FeatureStore(tmp_path).of(encoder)
    hashes = _hashes(pictures)
    for number, digest in enumerate(hashes):
        assert features.get(digest) is None
        features.put([digest], _values(1, number))
        assert features.get(digest)[0, 0] == number
    assert len(features) == len(hashes)
    assert features.read([hashes[3], hashes[1]])[:, 0, 0].tolist() == [3, 1]
    assert features.read([hashes[3], hash_frame(pictures[0, :5])]) is None


def test_a_frame_is_stored_once(encoder, pictures, tmp_path) -> None:
    store = FeatureStore(tmp_path)
    hashes = _hashes(pictures)
    store.of(encoder).put(hashes * 2, _values(16))
    store.of(encoder).put(hashes, _values(8))
    assert store.nbytes == 8 * _FRAME_BYTES


def test_another_encoder_has_features_of_its_own(encoder, pictures, tmp_path) -> None:
    store = FeatureStore(tmp_path)
    store.of(encoder).put(_hashes(pictures), _values(8))
    stretching = _make_encoder(fit="stretch")
    assert len(store.of(stretching)) == 0
    # The share that cropping keeps says nothing where nothing is cropped.
    assert store.of(_make_encoder(fit="stretch", crop_pct=0.5)) is store.of(stretching)


def test_the_torn_tail_of_a_shard_is_left_out(encoder, pictures, tmp_path) -> None:
    for cut in (".index", ".features"):
        folder = tmp_path / cut[1:]
        with FeatureStore(folder) as store:
            store.of(encoder).put(_hashes(pictures), _values(8))
        (shard,) = _shards(store)
        torn = shard.with_suffix(cut)
        os.truncate(torn, torn.stat().st_size - 5)
        features = FeatureStore(folder).of(encoder)
        assert len(features) == 7
        features.put(_hashes(pictures), _values(8))
        assert features.read(_hashes(pictures))[:, 2, 3].tolist() == list(range(8))


def test_spoilt_features_are_not_found(encoder, pictures, tmp_path) -> None:
    with FeatureStore(tmp_path) as store:
        store.of(encoder).put(_hashes(pictures), _values(8))
    with _shards(store)[0].with_suffix(".features").open("r+b") as file:
        file.seek(3 * 640 + 7)
        file.write(b"\x55")
    features = FeatureStore(tmp_path).of(encoder)
    assert features.get(hash_frame(pictures[3])) is None
    assert features.get(hash_frame(pictures[4]))[0, 0] == 4


def test_two_writers_share_a_folder(encoder, pictures, tmp_path) -> None:
    one, other = FeatureStore(tmp_path).of(encoder), FeatureStore(tmp_path).of(encoder)
    hashes = _hashes(pictures)
    for number, digest in enumerate(hashes):
        (one, other)[number % 2].put([digest], _values(1, number))
    for features in (one, other):
        assert len(features) == 4
        features.refresh()
        assert features.read(hashes)[:, 0, 0].tolist() == list(range(8))


def test_a_killed_writer_leaves_what_it_wrote(encoder, pictures, tmp_path) -> None:
    program = f"""
import itertools
from pathlib import Path
import numpy as np
from vidcache.encoder.features.stored_features import StoredFeatures
features = StoredFeatures(Path({str(tmp_path)!r}), {_SHAPE}, np.float16, shard_bytes=40_000,
                          make_room=lambda: None)
for number in itertools.count():
    values = np.full((3, *{_SHAPE}), number % 1000, np.float16)
    features.put([(3 * number + i).to_bytes(20, "big") for i in range(3)], values)
    if number == 200:
        print("going", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    from vidcache.encoder.features.stored_features import StoredFeatures

    features = StoredFeatures(
        tmp_path, _SHAPE, np.float16, shard_bytes=40_000, make_room=lambda: None
    )
    assert len(features) > 600
    for number in range(len(features)):
        found = features.get(number.to_bytes(20, "big"))
        assert found is not None
        assert (found == number // 3 % 1000).all()


def test_the_shards_used_longest_ago_leave_first(encoder, pictures, tmp_path) -> None:
    hashes = _hashes(pictures)
    limits = {"max_bytes": 5 * _FRAME_BYTES, "shard_bytes": 2 * _FRAME_BYTES}
    store = FeatureStore(tmp_path, **limits)
    for number in (0, 2, 4):
        store.of(encoder).put(hashes[number : number + 2], _values(2, number))
    for age, shard in enumerate(reversed(_shards(store)), 1):
        os.utime(shard, (1e9 - age, 1e9 - age))
    store = FeatureStore(tmp_path, **limits)
    features = store.of(encoder)
    assert features.get(hashes[0])[0, 0] == 0
    features.put(hashes[6:], _values(2, 6))
    left = FeatureStore(tmp_path).of(encoder)
    assert [digest in left for digest in hashes] == [True, True, False, False] + [True] * 4
    assert store.nbytes <= limits["max_bytes"] + limits["shard_bytes"]


def test_frames_of_several_shards_come_as_a_copy(encoder, pictures, tmp_path) -> None:
    store = FeatureStore(tmp_path, shard_bytes=_FRAME_BYTES)
    hashes = _hashes(pictures)
    for number, digest in enumerate(hashes):
        store.of(encoder).put([digest], _values(1, number))
    found = store.of(encoder).read(hashes)
    assert not isinstance(found, np.memmap)
    assert found[:, 0, 0].tolist() == list(range(8))


def test_the_frames_of_a_video_are_remembered(pictures, tmp_path) -> None:
    frames = FrameList(
        tuple(_hashes(pictures)), np.arange(8) / 10, np.arange(8) == 3, end_seconds=0.8
    )
    FeatureStore(tmp_path).keep_frames("abc", frames)
    found = FeatureStore(tmp_path).frames_of("abc")
    assert found.hashes == frames.hashes
    assert found.end_seconds == 0.8
    np.testing.assert_array_equal(found.seconds, frames.seconds)
    np.testing.assert_array_equal(found.tainted, frames.tainted)
    assert FeatureStore(tmp_path).frames_of("abd") is None
    path = tmp_path / "videos" / "abc.npz"
    path.write_bytes(path.read_bytes()[:-40])
    assert FeatureStore(tmp_path).frames_of("abc") is None


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((8, 5, 63)), r"expected \(8, 5, 64\)"),
        (np.full((8, 5, 64), 1e6), "not finite in float16"),
        (np.full((8, 5, 64), np.nan), "not finite in float16"),
    ],
)
def test_features_that_cannot_be_stored_are_refused(
    encoder, pictures, features, message, tmp_path
) -> None:
    with pytest.raises(InputError, match=message):
        FeatureStore(tmp_path).of(encoder).put(_hashes(pictures), features)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="give a folder that can be written"):
        FeatureStore(tmp_path / "file" / "store")
    with pytest.raises(ConfigError, match="max_bytes is 0"):
        FeatureStore(tmp_path, max_bytes=0)
