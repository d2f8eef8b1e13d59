"""A picture that was seen is not encoded again, and has the features that it would have."""

import logging
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from vidcache.encoder import FrameEncoder
from vidcache.encoder.features import CachedStream, CachingEncoder, FeatureCache
from vidcache.encoder.features.memory_tier import MemoryTier
from vidcache.encoder.features.near_pictures import NearPictures, thumbnails
from vidcache.errors import ConfigError, InputError

pytest.importorskip("timm", reason="needs the extra 'run'")

_FRAME_BYTES = 200 + 4 * 5 * 64


def make_encoder(**settings) -> FrameEncoder:
    torch.manual_seed(0)
    arguments = {"image_size": 64, "num_tokens": 5, "precision": "fp32", "fit": "stretch"}
    arguments |= settings
    return FrameEncoder("test_vit", None, **arguments)


@pytest.fixture(scope="module")
def encoder():
    return make_encoder()


@pytest.fixture
def computed(encoder, monkeypatch):
    """How many pictures the ViT was given, piece by piece."""
    sizes = []
    read_tokens = encoder.read_tokens

    def counting(pixels, num_threads=None):
        sizes.append(len(pixels))
        return read_tokens(pixels, num_threads)

    monkeypatch.setattr(encoder, "read_tokens", counting)
    return sizes


def film(num_frames, seed=0):
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 255, (num_frames, 48, 64, 3), np.uint8))


def alone(encoder, pictures):
    return torch.cat([encoder([picture]) for picture in pictures])


def encode(encoder, cache, pictures, **options):
    stream = CachedStream()
    (tokens,) = CachingEncoder(encoder, cache, **options)([pictures], [stream])
    return tokens, stream


def hits(stream):
    return stream.num_memory, stream.num_disk, stream.num_near


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_cached_features_are_the_encoders_to_the_bit(precision, tmp_path):
    encoder, pictures = make_encoder(precision=precision), film(6)
    expected = alone(encoder, pictures)
    for number, cache in enumerate(
        (FeatureCache(1 << 20, tmp_path), FeatureCache(1 << 20, tmp_path), FeatureCache(1 << 20))
    ):
        for turn in range(2):
            tokens, stream = encode(encoder, cache, pictures)
            assert tokens.dtype == torch.float32
            assert torch.equal(tokens, expected)
            from_disk = 6 * (number == 1 and turn == 0)
            assert hits(stream) == (6 * turn, from_disk, 0)


def test_pictures_that_differ_by_one_pixel_are_two(encoder):
    picture = film(1)[0]
    other = picture.copy()
    other[20, 30] ^= 255
    cache = FeatureCache(1 << 20)
    tokens, stream = encode(encoder, cache, [picture, other])
    assert hits(stream) == (0, 0, 0)
    assert not torch.equal(tokens[0], tokens[1])


def test_equal_pictures_that_come_together_are_encoded_once(encoder, computed):
    one, other = film(2)
    streams = [CachedStream(), CachedStream()]
    caching = CachingEncoder(encoder, FeatureCache(1 << 20))
    first, second = caching([[one, other, one], [other]], streams)
    assert computed == [1, 1]
    assert torch.equal(first[2], first[0])
    assert torch.equal(second[0], first[1])
    assert [hits(stream) for stream in streams] == [(1, 0, 0), (1, 0, 0)]


def test_no_pictures_have_no_features(encoder):
    tokens, stream = encode(encoder, FeatureCache(1 << 20), [])
    assert tokens.shape == (0, 5, 64)
    assert stream.to_dict()["hit_rate"] == 0.0


def test_a_piece_is_computed_as_it_is_without_the_cache(encoder, computed):
    pictures = film(4)
    mixed = [*pictures[:3], film(1, seed=9)[0]]
    expected = encoder(mixed)
    computed.clear()
    caching, stream = CachingEncoder(encoder, FeatureCache(1 << 20)), CachedStream()
    caching([pictures], [stream], piece_size=4)
    # One of the four is new, and what stands beside a picture may change its rounding.
    (tokens,) = caching([mixed], [stream], piece_size=4)
    assert computed == [4, 4]
    assert torch.equal(tokens, expected)
    assert torch.equal(caching([mixed], [stream], piece_size=4)[0], tokens)
    assert computed == [4, 4]
    # In other pieces, or with other threads, it is another computation.
    caching([pictures[:1]], [stream], piece_size=1)
    caching([pictures[:1]], [stream], piece_size=1, num_threads=torch.get_num_threads() + 1)
    assert computed == [4, 4, 1, 1]


def test_another_encoder_finds_nothing(encoder, tmp_path):
    pictures = film(2)
    encode(encoder, FeatureCache(0, tmp_path), pictures)
    cache = FeatureCache(1 << 20, tmp_path)
    for other in (make_encoder(precision="bf16"), make_encoder(num_tokens=4)):
        _, stream = encode(other, cache, pictures)
        assert hits(stream) == (0, 0, 0)
    _, stream = encode(encoder, cache, pictures)
    assert hits(stream) == (0, 2, 0)


def test_memory_is_bounded_and_the_picture_used_longest_ago_leaves(encoder):
    pictures = film(4)
    cache = FeatureCache(3 * _FRAME_BYTES + 100)
    encode(encoder, cache, pictures[:3])
    assert hits(encode(encoder, cache, pictures[:1])[1]) == (1, 0, 0)
    encode(encoder, cache, pictures[3:])
    for picture, is_there in ((0, True), (2, True), (3, True), (1, False)):
        _, stream = encode(encoder, cache, [pictures[picture]])
        assert stream.num_memory == is_there
    assert cache.of(encoder).nbytes_by_tier == {"memory": 3 * _FRAME_BYTES}


def test_a_budget_too_small_for_a_picture_holds_none():
    tier = MemoryTier(10, (1, 8))
    tier.put(b"a", np.ones((1, 8), np.float32))
    assert (tier.capacity, tier.get(b"a")) == (0, None)


def test_what_leaves_memory_is_found_on_disk(encoder, tmp_path):
    pictures = film(5)
    cache = FeatureCache(2 * _FRAME_BYTES, tmp_path)
    expected, _ = encode(encoder, cache, pictures)
    tokens, stream = encode(encoder, cache, pictures)
    assert hits(stream) == (0, 5, 0)
    assert torch.equal(tokens, expected)


def test_the_disk_keeps_its_budget(encoder, tmp_path):
    cache = FeatureCache(0, tmp_path, max_disk_bytes=4 << 20)
    features = cache.of(encoder)
    for number in range(6000):
        features.keep(number.to_bytes(20, "big"), np.full((5, 64), number, np.float32))
    assert features.nbytes_by_tier["disk"] <= (4 << 20) * 9 // 8 + (1 << 20)
    assert features.find((0).to_bytes(20, "big")) is None
    assert (features.find((5999).to_bytes(20, "big")).features == 5999).all()


def test_two_caches_share_a_folder(encoder, tmp_path):
    one, other = FeatureCache(0, tmp_path), FeatureCache(0, tmp_path)
    pictures = film(4)
    other.of(encoder)
    encode(encoder, one, pictures[:2])
    encode(encoder, other, pictures[2:])
    for cache in (one, other):
        assert hits(encode(encoder, cache, pictures)[1]) == (0, 4, 0)


def test_many_threads_may_use_it(encoder, tmp_path):
    features = FeatureCache(20 * _FRAME_BYTES, tmp_path).of(encoder)
    wrong = []

    def work(first):
        for turn in range(300):
            number = (first + 7 * turn) % 100
            key, values = number.to_bytes(20, "big"), np.full((5, 64), number, np.float32)
            found = features.find(key)
            if found is None:
                features.keep(key, values)
            elif not np.array_equal(found.features, values):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 60, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_features_that_are_not_finite_are_not_kept(encoder, tmp_path):
    features = FeatureCache(1 << 20, tmp_path).of(encoder)
    features.keep(b"a" * 20, np.full((5, 64), np.nan, np.float32))
    assert features.find(b"a" * 20) is None


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", "/proc/vidcache"):
        with pytest.raises(ConfigError, match="cannot keep features in") as caught:
            FeatureCache(0, folder)
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="give 0 or more"):
        FeatureCache(-1)


def test_a_disk_that_fills_up_is_told_of_once_and_the_run_goes_on(tmp_path):
    program = f"""
import resource
import numpy as np
from pathlib import Path
from vidcache.encoder.features.feature_store import FeatureStore
from vidcache.encoder.features.cached_features import CachedFeatures
from vidcache.encoder.features.stored_features import StoredFeatures
folder = Path({str(tmp_path)!r})
disk = StoredFeatures(folder, (5, 64), np.float32, shard_bytes=1 << 30, make_room=lambda: None)
features = CachedFeatures(None, None, disk)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
for number in range(40):
    features.keep(number.to_bytes(20, "big"), np.full((5, 64), number, np.float32))
print([number for number in range(40) if features.find(number.to_bytes(20, "big"))])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # What was half written is not found: 10,000 bytes are 7 frames and a part of one.
    assert done.stdout.strip() == str(list(range(7)))
    assert done.stderr.count("\n") == 1
    assert "File too large" in done.stderr
    assert "the run goes on" in done.stderr


def test_a_disk_that_has_room_again_is_written_by_the_next_run(encoder, tmp_path, monkeypatch):
    cache, pictures = FeatureCache(0, tmp_path), film(2)
    features = cache.of(encoder)
    with monkeypatch.context() as patch:
        patch.setattr(logging.getLogger("vidcache"), "disabled", True)
        patch.setattr("vidcache.encoder.features.shard._write_all", _fail)
        encode(encoder, cache, pictures)
    assert cache.of(encoder) is features
    encode(encoder, cache, pictures)
    assert hits(encode(encoder, cache, pictures)[1]) == (0, 2, 0)


def _fail(*_):
    raise OSError(28, "No space left on device")


def test_each_stream_needs_a_record_of_its_own(encoder):
    with pytest.raises(InputError, match="2 streams, 1 records"):
        CachingEncoder(encoder, FeatureCache(0))([[], []], [CachedStream()])


# Pictures that are near


def room(person=None, noise=0):
    """An empty room with the noise of a camera, or with a small person at a place."""
    rng = np.random.default_rng(noise)
    picture = np.full((64, 64, 3), 120, np.int64) + rng.integers(-1, 2, (64, 64, 3))
    if person is not None:
        top, left = person
        picture[top : top + 10, left : left + 5] -= 60
    return picture.astype(np.uint8)


def test_without_asking_only_equal_pictures_are_known(encoder):
    _, stream = encode(encoder, FeatureCache(1 << 20), [room(noise=n) for n in range(4)])
    assert hits(stream) == (0, 0, 0)


def test_noise_is_near_and_a_small_person_who_moves_is_not(encoder):
    cache = FeatureCache(1 << 20)
    pictures = [room(noise=n) for n in range(3)]
    pictures += [room((20, 20), 3), room((20, 23), 4), room((24, 23), 5), room((20, 20), 6)]
    tokens, stream = encode(encoder, cache, pictures, near_duplicate=1.0)
    assert hits(stream) == (0, 0, 3)
    exact = alone(encoder, pictures)
    for number, source in enumerate((0, 0, 0, 3, 4, 5, 3)):
        assert torch.equal(tokens[number], exact[source])


def test_a_change_of_colour_alone_is_not_near(encoder):
    red, green = np.zeros((2, 64, 64, 3), np.uint8)
    red[..., 0], green[..., 1] = 110, 56
    _, stream = encode(encoder, FeatureCache(1 << 20), [red, green], near_duplicate=1.0)
    assert hits(stream) == (0, 0, 0)


def test_what_changes_slowly_does_not_drift_away(encoder):
    pictures = [np.full((64, 64, 3), level, np.uint8) for level in range(100, 116)]
    tokens, _ = encode(encoder, FeatureCache(1 << 20), pictures, near_duplicate=2.0)
    exact = alone(encoder, pictures)
    for number, found in enumerate(tokens):
        source = next(n for n, one in enumerate(exact) if torch.equal(one, found))
        assert abs(number - source) <= 2


def test_a_stream_is_near_to_its_own_pictures_only(encoder):
    caching = CachingEncoder(encoder, FeatureCache(1 << 20), near_duplicate=1.0)
    streams = [CachedStream(), CachedStream()]
    caching([[room(noise=0)], [room(noise=1)]], streams)
    assert [hits(stream) for stream in streams] == [(0, 0, 0)] * 2
    first, second = caching([[room(noise=2)], [room(noise=3)]], streams)
    assert [hits(stream) for stream in streams] == [(0, 0, 1)] * 2
    assert torch.equal(first, encoder([room(noise=0)]))
    assert torch.equal(second, encoder([room(noise=1)]))


def test_near_features_do_not_depend_on_what_the_cache_holds(encoder, tmp_path):
    pictures = [room(noise=n) for n in range(4)]
    fresh, _ = encode(encoder, FeatureCache(1 << 20), pictures, near_duplicate=1.0)
    full = FeatureCache(1 << 20, tmp_path)
    encode(encoder, full, pictures)
    again, _ = encode(encoder, full, pictures, near_duplicate=1.0)
    assert torch.equal(again, fresh)
    # And what is near never comes into the cache of what is exact.
    exact, _ = encode(encoder, full, pictures)
    assert torch.equal(exact, alone(encoder, pictures))


def test_as_many_pictures_are_compared_with_as_it_says():
    near = NearPictures[int](threshold=1.0)
    rows = 100.0 * np.eye(40, 432, dtype=np.float32)
    for number, row in enumerate(rows[:16]):
        near.add(row, number)
        near.find(rows[0])
    near.add(rows[16], 16)
    assert [near.find(row) for row in rows[:4]] == [0, None, 2, 3]
    for number, row in enumerate(rows[17:], 17):
        near.add(row, number)
    assert sum(near.find(row) is not None for row in rows) == 16


def test_thumbnails_are_the_means_of_cells_in_grey_levels(encoder):
    one, other = np.zeros((2, 64, 64, 3), np.uint8)
    other[8:16, 16:24, 1] = 50
    pixels = encoder.preprocess([one, other])
    change = np.diff(thumbnails(pixels, encoder.preprocessing), axis=0)[0].reshape(3, 8, 8)
    assert change[1, 1, 2] == pytest.approx(50, abs=0.01)
    change[1, 1, 2] = 0
    assert np.abs(change).max() < 1e-3
