"""What is known of a stream's beginning is found, is exact, and stays within its budgets."""

import os
import shutil

import pytest
import torch

from vidcache.cache import BlockPool, SlidingWindow
from vidcache.cache.prefix import PrefixCache
from vidcache.errors import ConfigError, InputError
from vidcache.head import CameraHead, HeadConfig

BLOCK = 4


@pytest.fixture(scope="module")
def head():
    return make_head(seed=0)


def make_head(seed, **settings):
    torch.manual_seed(seed)
    config = HeadConfig(
        in_features=6, width=16, depth=2, num_heads=2, num_iterations=2, num_outputs=3,
        eviction=SlidingWindow(5), **settings,
    )  # fmt: skip
    return CameraHead(config).double().eval()


def clip(num_frames, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_frames, 6, generator=generator, dtype=torch.float64)


def remember(cache, head, features, *, states=True):
    """Steps a stream block by block, stores every block, and gives all predictions."""
    hashes, state, previous, parts = cache.hashes(features), head.init_state(), None, []
    for start in range(0, len(features), BLOCK):
        block = features[start : start + BLOCK]
        parts.append(head.step(block[None], state).prediction[0])
        prefix = hashes[start + len(block) - 1]
        cache.store(prefix, parts[-1], state if states else None, previous=previous)
        previous = prefix
    return torch.cat(parts)


def files(folder):
    return sorted(path for path in folder.iterdir())


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_stream_goes_on_to_the_bit_from_the_longest_known_prefix(head, tmp_path, on_disk):
    cache = PrefixCache(head, folder=tmp_path if on_disk else None)
    known = clip(24)
    longer = torch.cat([known, clip(9, seed=2)])
    expected = remember(PrefixCache(head), head, longer)
    predictions = remember(cache, head, known)
    if on_disk:
        cache = PrefixCache(head, folder=tmp_path, max_bytes=0)
    match = cache.longest(cache.hashes(longer))
    assert match.num_frames == 24
    assert torch.equal(match.predictions, predictions)
    rest = [
        head.step(longer[None, start : start + BLOCK], match.state).prediction[0]
        for start in range(24, 33, BLOCK)
    ]
    assert torch.equal(torch.cat([match.predictions, *rest]), expected)


def test_a_stream_that_turns_off_matches_up_to_where_it_does(head):
    cache = PrefixCache(head)
    known = clip(24)
    remember(cache, head, known)
    other = known.clone()
    other[14] += 1e-9
    assert cache.longest(cache.hashes(other)).num_frames == 12
    other[2] += 1e-9
    assert cache.longest(cache.hashes(other)) is None


def test_times_and_salt_are_part_of_the_content(head):
    cache = PrefixCache(head)
    features, seconds = clip(8), torch.arange(8, dtype=torch.float64)
    names = [
        cache.hashes(features)[-1],
        cache.hashes(features, seconds)[-1],
        cache.hashes(features, seconds + 1)[-1],
        cache.hashes(features, salt="another encoder")[-1],
        cache.hashes(features.float())[-1],
        cache.hashes(features.reshape(8, 2, 3))[-1],
    ]
    assert len(set(names)) == len(names)


def test_a_head_with_other_weights_finds_nothing(tmp_path, head):
    features = clip(8)
    remember(PrefixCache(head, folder=tmp_path), head, features)
    for other in (make_head(seed=3), make_head(seed=0, rotary_base=99.0)):
        cache = PrefixCache(other, folder=tmp_path)
        assert cache.longest(cache.hashes(features)) is None
    same = PrefixCache(make_head(seed=0), folder=tmp_path)
    assert same.longest(same.hashes(features)).num_frames == 8


def test_streams_from_one_prefix_do_not_touch_each_other(head):
    cache = PrefixCache(head)
    known = clip(8)
    remember(cache, head, known)
    streams = [torch.cat([known, clip(12, seed=seed)]) for seed in (5, 6, 7)]
    matches = [cache.longest(cache.hashes(stream)) for stream in streams]
    parts = [[match.predictions] for match in matches]
    for start in range(8, 20, BLOCK):
        for stream, match, part in zip(streams, matches, parts, strict=True):
            block = stream[None, start : start + BLOCK]
            part.append(head.step(block, match.state).prediction[0])
    for stream, part in zip(streams, parts, strict=True):
        assert torch.equal(torch.cat(part), remember(PrefixCache(head), head, stream))


def test_streams_in_a_pool_share_the_blocks_of_their_prefix(head):
    known = clip(8)
    expected = [
        remember(PrefixCache(head), head, torch.cat([known, clip(4, seed=seed)]))[8:]
        for seed in range(6)
    ]
    pool = BlockPool(head.config, budget_bytes=1 << 20, block_size=4, dtype=torch.float64)
    cache = PrefixCache(head)
    hashes = remember_in(pool, cache, head, known)
    alone = pool.nbytes_used
    states = [cache.longest(hashes).state for _ in range(6)]
    assert pool.nbytes_used == alone
    for seed, state in enumerate(states):
        rest = head.step(clip(4, seed=seed)[None], state).prediction[0]
        assert torch.allclose(rest, expected[seed], rtol=1e-12)
    assert alone < pool.nbytes_used


def test_a_state_that_its_pool_gave_up_is_a_miss(head):
    known = clip(8)
    block_bytes = 4 * head.config.predict_nbytes(dtype=torch.float64) // 13
    pool = BlockPool(
        head.config, budget_bytes=6 * block_bytes, block_size=4, dtype=torch.float64,
        when_full="evict_idle",
    )  # fmt: skip
    cache = PrefixCache(head)
    hashes = remember_in(pool, cache, head, known)
    assert cache.longest(hashes) is not None
    hungry = head.init_state(pool=pool)
    for start in range(0, 24, BLOCK):
        head.step(clip(24, seed=2)[None, start : start + BLOCK], hungry)
    assert cache.longest(hashes) is None
    assert cache.get(hashes[-1]) is None
    assert (cache.stats().misses, cache.stats().num_blocks) == (2, 0)


def remember_in(pool, cache, head, features):
    state, hashes = head.init_state(pool=pool), cache.hashes(features)
    cache.store(hashes[-1], head.step(features[None], state).prediction[0], state)
    return hashes


def test_a_stream_goes_on_to_the_bit_in_a_small_format(head, tmp_path):
    known, rest = clip(8), clip(4, seed=2)
    state = head.init_state(key_format="int8", value_format="bf16")
    cache = PrefixCache(head, folder=tmp_path)
    hashes = cache.hashes(known)
    cache.store(hashes[-1], head.step(known[None], state).prediction[0], state)
    expected = head.step(rest[None], state).prediction
    for later in (cache, PrefixCache(head, folder=tmp_path)):
        match = later.longest(hashes)
        assert torch.equal(head.step(rest[None], match.state).prediction, expected)


def test_without_a_state_there_is_nothing_to_go_on_from(head):
    cache = PrefixCache(head)
    features = clip(8)
    remember(cache, head, features, states=False)
    assert cache.longest(cache.hashes(features)) is None
    hashes = cache.hashes(features)
    assert cache.get(hashes[7]).previous == hashes[3]


def test_both_tiers_keep_to_their_budgets_and_lose_the_ends_of_old_chains_first(head, tmp_path):
    one = PrefixCache(head)
    remember(one, head, clip(BLOCK))
    memory = 5 * one.stats().nbytes
    one = PrefixCache(head, folder=tmp_path / "one")
    remember(one, head, clip(BLOCK))
    disk = int(8.5 * one.stats().nbytes_disk)
    cache = PrefixCache(head, max_bytes=memory, folder=tmp_path / "many", max_disk_bytes=disk)
    first, second = clip(24), clip(24, seed=2)
    remember(cache, head, first)
    assert cache.stats().num_blocks == 5
    assert cache.stats().num_blocks_disk == 6
    remember(cache, head, second)
    stats = cache.stats()
    assert stats.nbytes <= memory
    assert stats.nbytes_disk <= disk
    assert stats.nbytes_disk == sum(path.stat().st_size for path in files(tmp_path / "many"))
    assert (stats.num_blocks, stats.evicted) == (5, 7)
    assert (stats.num_blocks_disk, stats.evicted_disk) == (8, 4)
    assert cache.longest(cache.hashes(second)).num_frames == 24
    assert cache.longest(cache.hashes(first)).num_frames == 8


def test_a_use_is_remembered_by_the_next_process(head, tmp_path):
    first, second = clip(8), clip(8, seed=2)
    cache = PrefixCache(head, folder=tmp_path)
    remember(cache, head, first)
    remember(cache, head, second)
    cache.longest(cache.hashes(first))
    stats = cache.stats()
    budget = stats.nbytes_disk * 3 // 4
    later = PrefixCache(head, folder=tmp_path, max_disk_bytes=budget, max_bytes=0)
    remember(later, head, clip(4, seed=3))
    assert later.longest(later.hashes(first)).num_frames == 8
    assert later.longest(later.hashes(second)) is None


@pytest.mark.parametrize("suffix", [".block.safetensors", ".state.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone", "another"])
def test_a_damaged_file_is_a_miss_and_is_removed(head, tmp_path, suffix, damage):
    features = clip(12)
    cache = PrefixCache(head, folder=tmp_path)
    remember(cache, head, features)
    hashes = cache.hashes(features)
    path = tmp_path / (hashes[7] + suffix)
    raw = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(raw[: len(raw) // 2])
    elif damage == "flipped":
        raw[-9] ^= 4
        path.write_bytes(raw)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "gone":
        path.unlink()
    else:
        shutil.copy(tmp_path / (hashes[3] + suffix), path)
    cache = PrefixCache(head, folder=tmp_path)
    assert cache.longest(hashes).num_frames == 4
    assert not path.exists()
    assert cache.get(hashes[7]) is None
    assert cache.stats().num_blocks_disk == 2
    # It is written again as if it had never been there.
    remember(cache, head, features)
    assert PrefixCache(head, folder=tmp_path).longest(hashes).num_frames == 12


def test_every_kind_of_look_up_is_counted(head):
    cache = PrefixCache(head)
    features = clip(8)
    hashes = cache.hashes(features)
    assert cache.longest(hashes) is None
    assert cache.get(hashes[0]) is None
    remember(cache, head, features)
    assert cache.longest(hashes) is not None
    assert cache.get(hashes[3]) is not None
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.stored) == (2, 2, 2)
    assert stats.look_up_seconds > 0
    assert stats.to_dict()["hits"] == 2


def test_a_full_disk_stops_nothing(head, tmp_path):
    cache = PrefixCache(head, folder=tmp_path)
    features = clip(8)
    # A folder in the way is what a write cannot replace, whoever runs the test.
    (tmp_path / (cache.hashes(features)[7] + ".state.safetensors")).mkdir()
    remember(cache, head, features)
    assert cache.stats().failed_writes == 1
    assert cache.longest(cache.hashes(features)).num_frames == 8


def test_what_a_killed_process_left_behind_is_removed_once_it_is_old(head, tmp_path):
    old, young = tmp_path / "a.state.safetensors", tmp_path / "b.block.safetensors.7.part"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert PrefixCache(head, folder=tmp_path).stats().num_blocks_disk == 0
    assert files(tmp_path) == [young]


def test_what_cannot_be_is_refused(head, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match="give a folder"):
        PrefixCache(head, folder=path)
    with pytest.raises(InputError, match="max_bytes=-1"):
        PrefixCache(head, max_bytes=-1)
    with pytest.raises(InputError, match="2 rows"):
        PrefixCache(head).store("name", torch.zeros(1, 3), head.init_state(2))
