"""The fastest way is measured once, remembered, and a way that fails is left out."""

import json
import logging
import threading
import time

import pytest

from vidcache.runtime import choose_fastest, fastest


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A cache folder and a memory of the process's own."""
    monkeypatch.setenv("VIDCACHE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fastest, "_known", {})
    return tmp_path / "cache" / "fastest.json"


def ways(calls):
    def way(name, seconds):
        def prepare():
            calls.append(name)
            return lambda: time.sleep(seconds)

        return prepare

    return {"slow": way("slow", 0.02), "quick": way("quick", 0.0)}


def test_the_quicker_way_is_taken_and_says_why(elsewhere):
    choice = choose_fastest({"what": 1}, ways([]))
    assert choice.name == "quick"
    assert choice.reason.startswith("measured here: quick ")


def test_a_question_is_measured_once_and_by_later_processes_not_at_all(elsewhere, monkeypatch):
    calls = []
    first = choose_fastest({"what": 1}, ways(calls))
    assert choose_fastest({"what": 1}, ways(calls)) == first
    monkeypatch.setattr(fastest, "_known", {})  # as a new process begins
    assert choose_fastest({"what": 1}, ways(calls)) == first
    assert calls == ["slow", "quick"]
    choose_fastest({"what": 2}, ways(calls))
    assert len(calls) == 4


def test_of_two_processes_at_one_question_the_first_decides(elsewhere, monkeypatch):
    def prepare_while_another_decides():
        with monkeypatch.context() as patch:
            patch.setattr(fastest, "_known", {})
            patch.setattr(fastest, "_lock", threading.Lock())
            first = choose_fastest({"what": 1}, {"slow": ways([])["slow"]})
            assert first.name == "slow"
        return lambda: None

    both = {"slow": ways([])["slow"], "quick": prepare_while_another_decides}
    assert choose_fastest({"what": 1}, both).name == "slow"


def test_what_is_remembered_but_not_there_any_more_is_measured_again(elsewhere, monkeypatch):
    choose_fastest({"what": 1}, ways([]))
    monkeypatch.setattr(fastest, "_known", {})
    assert choose_fastest({"what": 1}, {"slow": ways([])["slow"]}).name == "slow"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 3}'])
def test_a_spoilt_file_is_measured_over(elsewhere, text):
    elsewhere.parent.mkdir()
    elsewhere.write_text(text)
    assert choose_fastest({"what": 1}, ways([])).name == "quick"
    assert len(json.loads(elsewhere.read_text())) >= 1


def test_a_way_that_cannot_be_made_ready_is_left_out(elsewhere):
    def fails():
        raise RuntimeError("no such network")

    assert choose_fastest({"what": 1}, {"bad": fails, **ways([])}).name == "quick"
    with pytest.raises(RuntimeError, match="no such network"):
        choose_fastest({"what": 2}, {"bad": fails})


def test_a_folder_that_cannot_be_written_costs_the_memory_only(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("VIDCACHE_CACHE", str(blocked / "below"))
    assert choose_fastest({"what": 1}, ways([])).name == "quick"


def test_who_waits_long_is_told_once_what_for(caplog, monkeypatch):
    fastest._announce.cache_clear()
    caplog.set_level(logging.INFO, "vidcache")
    choose_fastest({"what": 1}, ways([]))
    assert caplog.messages == []
    monkeypatch.setattr(fastest, "_PATIENCE", 0.01)
    choose_fastest({"what": 2}, ways([]))
    choose_fastest({"what": 3}, ways([]))
    assert caplog.messages == ["measuring what is fastest on this machine; later runs remember it"]
