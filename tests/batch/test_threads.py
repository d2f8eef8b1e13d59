import os

import pytest

from vidcache.batch import BatchOptions
from vidcache.batch.threads import (
    default_num_workers,
    num_processors,
    thread_environment,
    threads_of_a_worker,
)


def test_workers_share_the_processors(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for num_workers in (1, 2, 3):
        assert num_workers * threads_of_a_worker(num_workers) <= max(num_processors(), num_workers)
    assert threads_of_a_worker(1) == num_processors()


def test_a_limit_of_the_user_holds(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads_of_a_worker(1) == 1


@pytest.mark.parametrize("before", [None, "7"])
def test_the_environment_is_as_before_when_the_workers_are_started(monkeypatch, before):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if before is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", before)
    with thread_environment(3):
        assert os.environ["OMP_NUM_THREADS"] == "3"
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_without_a_number_there_is_a_worker_for_a_processor_and_one_for_a_gpu():
    options = BatchOptions("out")
    assert 1 <= options.workers_for("cpu") == default_num_workers() <= num_processors()
    assert options.workers_for("cuda:0") == 1
    assert BatchOptions("out", num_workers=5).workers_for("cuda:0") == 5
