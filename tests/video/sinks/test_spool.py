import random

import pytest

from vidcache.errors import ConfigError, SinkError
from vidcache.video.sinks.spool import Spool


def message(number):
    return {"id": number, "text": "x" * 60}


def drain(spool):
    found = []
    while (first := spool.first()) is not None:
        found.append(first["id"])
        spool.remove_first()
    return found


def test_messages_come_out_in_their_order_and_leave_nothing(tmp_path):
    spool = Spool(tmp_path / "spool", max_bytes=1_000_000)
    for number in range(100):
        spool.append(message(number))
    assert len(spool) == 100
    assert drain(spool) == list(range(100))
    assert len(spool) == 0
    assert list((tmp_path / "spool").iterdir()) == []


def test_any_order_of_putting_and_taking_keeps_the_order(tmp_path):
    chance = random.Random(0)
    for trial in range(20):
        folder = tmp_path / str(trial)
        spool = Spool(folder, max_bytes=8 * 300)
        put = taken = 0
        for _ in range(300):
            step = chance.random()
            if step < 0.5 and len(spool) < 20:
                spool.append(message(put))
                put += 1
            elif step < 0.9:
                first = spool.first()
                assert (first is None) == (put == taken)
                if first is not None:
                    assert first["id"] == taken
                    spool.remove_first()
                    taken += 1
            else:
                spool.close()
                spool = Spool(folder, max_bytes=8 * 300)
            assert len(spool) == put - taken
        assert spool.num_dropped == 0


def test_when_it_is_full_the_oldest_go_and_are_counted(tmp_path):
    spool = Spool(tmp_path, max_bytes=8_000)
    for number in range(500):
        spool.append(message(number))
        if number == 50:
            # The file that is being read may go as well.
            assert spool.first()["id"] == 0
            spool.remove_first()
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size <= 8_000
    found = drain(spool)
    assert found == list(range(found[0], 500))
    assert len(found) > 50
    assert spool.num_dropped + len(found) + 1 == 500


def test_what_waits_outlives_the_program_without_being_sent_twice(tmp_path):
    spool = Spool(tmp_path, max_bytes=100_000)
    for number in range(10):
        spool.append(message(number))
    for _ in range(3):
        spool.first()
        spool.remove_first()
    spool.close()
    again = Spool(tmp_path, max_bytes=100_000)
    assert len(again) == 7
    again.append(message(10))
    assert drain(again) == [3, 4, 5, 6, 7, 8, 9, 10]


def test_after_a_crash_nothing_is_lost_and_half_a_line_is_passed_over(tmp_path):
    spool = Spool(tmp_path, max_bytes=100_000)
    for number in range(10):
        spool.append(message(number))
    spool.first()
    spool.remove_first()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    assert drain(Spool(tmp_path, max_bytes=100_000)) == list(range(9))


def test_a_place_that_cannot_be_used_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot keep messages in"):
        Spool(tmp_path / "file", max_bytes=1000)
    with pytest.raises(ConfigError, match="0 bytes"):
        Spool(tmp_path, max_bytes=0)
