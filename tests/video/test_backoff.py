import random

import pytest

from vidcache.errors import ConfigError
from vidcache.video.backoff import Backoff, ReconnectPolicy


def test_waits_grow_up_to_a_limit() -> None:
    backoff = Backoff(ReconnectPolicy(first_delay=1.0, factor=3.0, max_delay=20.0, jitter=0.0))
    assert [backoff.failed() for _ in range(5)] == [1.0, 3.0, 9.0, 20.0, 20.0]
    backoff.succeeded()
    assert backoff.failed() == 1.0


def test_a_camera_that_is_away_for_years_is_still_waited_for() -> None:
    policy = ReconnectPolicy(first_delay=1.0, factor=10.0, max_delay=30.0)
    assert policy.delay(10**9) == 30.0


def test_jitter_spreads_the_attempts_of_many_cameras() -> None:
    policy = ReconnectPolicy(first_delay=10.0, jitter=0.3)
    waits = [Backoff(policy, random.Random(seed)).failed() for seed in range(200)]
    assert min(waits) >= 7.0
    assert max(waits) <= 13.0
    assert max(waits) - min(waits) > 5.0


def test_jitter_makes_no_wait_longer_than_the_limit() -> None:
    policy = ReconnectPolicy(first_delay=10.0, max_delay=10.0, jitter=0.5)
    waits = [Backoff(policy, random.Random(seed)).failed() for seed in range(100)]
    assert max(waits) == 10.0
    assert min(waits) < 6.0


def test_a_refusal_waits_longest_at_once() -> None:
    backoff = Backoff(ReconnectPolicy(first_delay=1.0, max_delay=30.0, jitter=0.0))
    assert backoff.refused() == 30.0


def test_attempts_are_used_up_by_failures_in_a_row_only() -> None:
    backoff = Backoff(ReconnectPolicy(max_attempts=2))
    backoff.failed()
    backoff.succeeded()
    backoff.failed()
    assert not backoff.exhausted
    backoff.failed()
    assert backoff.exhausted


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_delay": -1.0},
        {"first_delay": float("nan")},
        {"factor": 0.5},
        {"jitter": 1.5},
        {"max_attempts": 0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ReconnectPolicy(**wrong)  # type: ignore[arg-type]
