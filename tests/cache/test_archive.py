"""The tiers of an archive: budgets, who leaves first, the file, and what is read ahead."""

import gc
import json
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch

from vidcache import ArchiveConfig, CameraHead, HeadConfig, HeadState, SlidingWindow
from vidcache.cache.archive.summaries import Summaries, summarise
from vidcache.errors import ConfigError, StateError

CONFIG = HeadConfig(
    in_features=6, width=16, depth=2, num_heads=2, num_iterations=2, num_outputs=3,
    eviction=SlidingWindow(2), rollback_margin=0, layer_scale=1.0,
)  # fmt: skip
# Of the head above, in blocks of two frames in float64.
LANES, BLOCK, SUMMARY = 4, 4 * 2 * 2 * 16 * 8, 2 * 4 * 16 * 8


@pytest.fixture
def head():
    torch.manual_seed(0)
    head = CameraHead(CONFIG)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return head.double()


def features(num_frames, rows=1, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, num_frames, 6, generator=generator, dtype=torch.float64)


def budgets(host_blocks, disk_blocks=0, folder=None, retrieve_blocks=2):
    """Settings whose budgets hold exactly so many blocks."""
    ahead = 3 * retrieve_blocks if disk_blocks else 0
    host_bytes = (host_blocks + 1 + ahead) * BLOCK + (host_blocks + disk_blocks) * SUMMARY
    return ArchiveConfig(
        block_size=2,
        retrieve_blocks=retrieve_blocks,
        host_bytes=host_bytes,
        disk_bytes=disk_blocks * BLOCK,
        folder=folder,
    )


def run(head, state, clip):
    """Steps frame by frame, and lets the thread catch up in between."""
    predictions = []
    for frame in clip.split(1, dim=1):
        predictions.append(head.step(frame, state).prediction)
        state.archive._read_ahead.wait()
    return torch.cat(predictions, dim=1)


@contextmanager
def files_of_at_most(nbytes):
    """No file grows beyond so many bytes: what a full disk looks like."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def open_files(folder):
    """Files in a folder that this process has open, whether they have a name or not."""
    links = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(str(link.readlink()))
    return [link for link in links if link.startswith(str(folder))]


class TestBudgets:
    @pytest.mark.parametrize(("host", "disk"), [(1, 0), (5, 0), (1, 1), (3, 4)])
    def test_budgets_are_used_up_and_never_exceeded(self, head, tmp_path, host, disk):
        archive = budgets(host, disk, tmp_path)
        state = head.init_state(2, archive=archive)
        for _ in range(20):
            head.step(features(2, rows=2), state)
            stats = state.stats().archive
            assert stats.host_nbytes <= 2 * archive.host_bytes
            assert stats.disk_nbytes <= 2 * archive.disk_bytes
        assert (stats.host_blocks, stats.disk_blocks) == (2 * host, 2 * disk)
        assert stats.host_nbytes == 2 * archive.host_bytes
        assert stats.appended == 2 * 38
        assert stats.dropped == 38 - 2 * (host + disk)
        assert stats.demoted == (38 - 2 * host if disk else 0)

    @pytest.mark.parametrize(
        ("settings", "match"),
        [
            ({"host_bytes": 1000}, "host_bytes=1000 has no room for a block of 2,048 bytes"),
            ({"host_bytes": 8 * BLOCK, "disk_bytes": 10**6}, "without a folder"),
            ({"disk_bytes": 100, "folder": "."}, "disk_bytes=100 holds no block"),
            ({"block_size": 0}, "block_size is 0"),
            ({"retrieve_blocks": 1.5}, "retrieve_blocks is 1.5"),
        ],
    )
    def test_budgets_that_hold_nothing_are_refused(self, head, settings, match):
        with pytest.raises(ConfigError, match=match):
            head.init_state(archive=ArchiveConfig(**{"block_size": 2, **settings}))

    def test_the_least_that_an_error_names_is_enough(self, head):
        with pytest.raises(ConfigError, match="give at least ") as error:
            head.init_state(archive=ArchiveConfig(block_size=2, host_bytes=1))
        least = int(str(error.value).split("give at least ")[1].split(", or")[0].replace(",", ""))
        head.init_state(archive=ArchiveConfig(block_size=2, host_bytes=least))

    def test_streams_of_a_batch_do_not_disturb_each_other(self, head, tmp_path):
        archive = budgets(2, 2, tmp_path)
        clip = features(40, rows=3)
        together = head.init_state(3, archive=archive)
        head.step(clip[:, :7], together)
        together.reset(rows=[1])
        result = head.step(clip[:, 7:], together).prediction
        alone = head.init_state(archive=archive)
        expected = head.step(clip[1:2, 7:], alone).prediction
        torch.testing.assert_close(result[1:2], expected, rtol=1e-10, atol=1e-12)
        assert together.select([1]).stats().archive.disk_blocks == 2


class TestDisk:
    def test_blocks_from_disk_give_what_blocks_in_memory_give(self, head, tmp_path):
        clip = features(40, rows=2)
        memory, disk = budgets(30), budgets(2, 28, tmp_path)
        expected = head.step(clip, head.init_state(2, archive=memory)).prediction
        waiting, hurrying = head.init_state(2, archive=disk), head.init_state(2, archive=disk)
        assert torch.equal(run(head, waiting, clip), expected)
        assert torch.equal(head.step(clip, hurrying).prediction, expected)
        stats = waiting.stats().archive
        assert 0 < stats.read_ahead_hits <= stats.disk_hits
        assert stats.host_hits > 0
        assert stats.retrieved_frames == 2 * (stats.host_hits + stats.disk_hits)

    def test_blocks_that_are_found_again_are_read_ahead(self, head, tmp_path):
        state = head.init_state(archive=budgets(1, 2, tmp_path, retrieve_blocks=3))
        clip = features(9)
        run(head, state, clip)
        before = state.stats().archive
        run(head, state, features(1))
        after = state.stats().archive
        assert after.disk_hits - before.disk_hits == 2 * LANES
        assert after.read_ahead_hits - before.read_ahead_hits == 2 * LANES

    def test_nothing_is_left_in_the_folder(self, head, tmp_path):
        state = head.init_state(archive=budgets(1, 4, tmp_path))
        head.step(features(20), state)
        assert state.stats().archive.disk_blocks == 4
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(sys.platform != "linux", reason="lists open files in /proc")
    def test_each_state_has_a_file_of_its_own_until_it_is_gone(self, head, tmp_path):
        state = head.init_state(archive=budgets(1, 4, tmp_path))
        run(head, state, features(20))
        twin = state.fork()
        assert len(set(open_files(tmp_path))) >= 2
        expected = run(head, twin, features(8, seed=3))
        del twin
        gc.collect()
        assert torch.equal(run(head, state, features(8, seed=3)), expected)
        del state
        gc.collect()
        assert open_files(tmp_path) == []

    def test_a_folder_that_cannot_be_used_is_one_clear_error(self, head, tmp_path):
        with pytest.raises(ConfigError, match=r"a file of 8,192 bytes in '.*missing': No such"):
            head.init_state(archive=budgets(1, 4, tmp_path / "missing"))

    @pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
    def test_a_disk_without_room_is_one_clear_error(self, head, tmp_path):
        with (
            files_of_at_most(8191),
            pytest.raises(ConfigError, match="lower disk_bytes or give another folder"),
        ):
            head.init_state(archive=budgets(1, 4, tmp_path))

    @pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
    def test_a_disk_that_fails_is_used_no_more_and_the_stream_goes_on(self, head, tmp_path):
        state = head.init_state(archive=budgets(2, 8, tmp_path))
        run(head, state, features(12))
        before = state.stats().archive
        assert (before.disk_blocks, before.disk_error) == (3, None)
        with files_of_at_most(0):
            run(head, state, features(4))
        run(head, state, features(4))
        after = state.stats().archive
        assert after.disk_error == "File too large"
        assert (after.host_blocks, after.disk_blocks, after.dropped) == (2, 3, 4)
        assert after.disk_hits > before.disk_hits

    def test_a_saved_archive_can_move_to_another_folder(self, head, tmp_path):
        old, new = tmp_path / "old", tmp_path / "new"
        old.mkdir()
        new.mkdir()
        state = head.init_state(2, archive=budgets(1, 4, old))
        head.step(features(20, rows=2), state)
        state.save(tmp_path / "state")
        old.rmdir()
        with pytest.raises(ConfigError, match="cannot make a file"):
            HeadState.load(tmp_path / "state", head)
        loaded = HeadState.load(tmp_path / "state", head, archive_folder=new)
        assert loaded.stats().archive.disk_blocks == 8
        rest = features(20, rows=2, seed=4)
        state.archive._read_ahead.wait()
        assert torch.equal(head.step(rest, loaded).prediction, head.step(rest, state).prediction)

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("blocks", lambda blocks: blocks[1:]),
            ("blocks", lambda blocks: blocks[:, :8]),
            ("on_disk", lambda on_disk: ~on_disk),
            ("order", lambda order: order + 5),
            ("open_counts", lambda counts: counts + 2),
            ("last_found", lambda last: last.float()),
        ],
    )
    def test_a_saved_archive_that_does_not_fit_is_refused(self, head, tmp_path, name, change):
        archive = head.init_state(2, archive=budgets(1, 4, tmp_path)).archive
        state = head.init_state(2, archive=archive.config)
        head.step(features(20, rows=2), state)
        tensors = state.archive.tensors()
        with pytest.raises(StateError, match="the archive's"):
            archive.load_tensors(tensors | {name: change(tensors[name])})
        archive.load_tensors(tensors)


class TestOrder:
    def test_the_block_found_longest_ago_leaves_first(self, head, tmp_path):
        tiers = head.init_state(archive=budgets(3, 2, tmp_path)).archive._tiers
        layout = head.init_state(archive=budgets(1)).archive._layout

        def add(number, now):
            tiers.add(0, layout.view(torch.full((BLOCK,), number, dtype=torch.uint8)), number, now)

        def numbers(on_disk):
            blocks = [tiers.find(0, number) for number in range(9)]
            return [
                number for number, block in enumerate(blocks)
                if block is not None and (block.region is not None) == on_disk
            ]  # fmt: skip

        for number in range(3):
            add(number, now=number)
        tiers.found([0], torch.tensor([[0]]), 5)
        add(3, now=6)
        assert (numbers(on_disk=False), numbers(on_disk=True)) == ([0, 2, 3], [1])
        add(4, now=6)
        tiers.found([0], torch.tensor([tiers.places(0)]), 7)
        tiers.found([0], torch.tensor([[0]]), 8)
        add(5, now=9)
        assert (numbers(on_disk=False), numbers(on_disk=True)) == ([0, 4, 5], [2, 3])
        assert bytes(tiers.find(0, 3).raw.numpy()) == bytes([3]) * BLOCK


class TestSearch:
    def summaries(self, *blocks):
        """Summaries of blocks of keys, each (lanes, nh, keys, hd)."""
        lanes, heads, num_keys, head_dim = blocks[0].shape
        summaries = Summaries(
            lanes, 1, heads, len(blocks) + 2, head_dim,
            num_keys=num_keys, dtype=torch.float64, device=torch.device("cpu"),
        )  # fmt: skip
        for place, keys in enumerate(blocks):
            summaries.put(0, place, keys)
        return summaries, torch.zeros(1, len(blocks), dtype=torch.bool)

    def test_one_frame_among_others_that_it_does_not_resemble_is_found(self):
        torch.manual_seed(0)
        blocks = [0.1 * torch.randn(1, 2, 8, 16, dtype=torch.float64) for _ in range(50)]
        asked = torch.randn(1, 2, 1, 16, dtype=torch.float64)
        blocks[31][0, :, 5] = 2 * asked[0, :, 0]
        summaries, empty = self.summaries(*blocks)
        places = summaries.search(0, asked, empty, torch.zeros(1, 2, 1, 1), 3)
        assert places[0, 0] == 31

    def test_a_summary_is_the_farthest_key_and_the_mean_of_the_others(self):
        keys = torch.tensor([[[[1.0, 0.0], [9.0, 9.0], [3.0, 2.0]]]])
        outlier, others = summarise(keys)
        assert outlier.tolist() == [[[9.0, 9.0]]]
        assert others.tolist() == [[[2.0, 1.0]]]
        assert summarise(keys[:, :, :1])[1].tolist() == [[[0.0, 0.0]]]

    def test_equals_come_in_the_order_of_their_places_and_empty_ones_last(self):
        block = torch.ones(1, 2, 3, 4, dtype=torch.float64)
        summaries, empty = self.summaries(*[block] * 40)
        empty[0, :7] = True
        query = torch.ones(1, 2, 1, 4, dtype=torch.float64)
        places = summaries.search(0, query, empty, torch.full((1, 2, 1, 1), -1e9), 35)
        assert places[0].tolist() == [*range(7, 40), 0, 1]

    def test_a_head_that_looks_at_the_window_only_has_no_say(self):
        torch.manual_seed(0)
        first, second = torch.randn(2, 1, 2, 3, 4, dtype=torch.float64)
        query = torch.randn(1, 2, 1, 4, dtype=torch.float64)
        first[:, 1], second[:, 0] = 3 * query[0, 1], 3 * query[0, 0]
        summaries, empty = self.summaries(first, second)
        for busy, best in ((0, 0), (1, 1)):
            log_sum = torch.zeros(1, 2, 1, 1)
            log_sum[0, busy] = 1e4
            assert summaries.search(0, query, empty, log_sum, 1)[0, 0] == best


def test_stats_of_an_archive_can_be_written_as_json(head):
    state = head.init_state(archive=budgets(3))
    head.step(features(12), state)
    stats = json.loads(json.dumps(state.stats().to_dict()))["archive"]
    assert stats["appended"] == 10
    assert stats["misses"] == 2 * LANES
    assert stats["look_up_seconds"] > 0


def test_states_of_other_archives_are_not_brought_together(head):
    state = head.init_state(archive=budgets(3))
    for other in (head.init_state(), head.init_state(archive=budgets(4))):
        with pytest.raises(StateError, match="another archive"):
            HeadState.merge([state, other])


def test_a_reset_forgets_the_archive_of_its_rows_only(head, tmp_path):
    state = head.init_state(2, archive=budgets(1, 2, tmp_path))
    head.step(features(12, rows=2), state)
    state.reset(rows=[0])
    stats = state.stats().archive
    assert (stats.appended, stats.host_blocks, stats.disk_blocks) == (10, 1, 2)
    fresh = head.init_state(archive=budgets(1, 2, tmp_path))
    clip = features(30, rows=2)
    result = head.step(clip, state).prediction[:1]
    torch.testing.assert_close(
        result, head.step(clip[:1], fresh).prediction, rtol=1e-10, atol=1e-12
    )
