import pytest

from vidcache import HeadConfig
from vidcache.errors import ConfigError

GOOD = {
    "in_features": 8, "width": 16, "depth": 2, "num_heads": 2, "num_iterations": 2,
    "num_outputs": 3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_iterations": 0}, "num_iterations is 0"),
        ({"depth": 1.5}, "depth is 1.5"),
        ({"num_heads": 3}, "does not divide into 3 heads"),
        ({"width": 6, "num_heads": 2}, "even width"),
        ({"cache_scope": "first"}, "'first_iteration'"),
        ({"positions": "frames"}, "'seconds'"),
        ({"eviction": 64}, "SlidingWindow"),
        ({"rollback_margin": -1}, "rollback_margin is -1"),
        ({"positions_per_second": 0}, "positions_per_second is 0"),
        ({"num_iteration": 2}, "did you mean 'num_iterations'"),
        ({"eviction": {"policy": "Sliding", "window": 3}}, "SlidingWindow"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(change, message):
    with pytest.raises(ConfigError, match=message):
        HeadConfig.from_dict(GOOD | change)


def test_a_missing_setting_is_named():
    with pytest.raises(ConfigError, match="width"):
        HeadConfig.from_dict({name: value for name, value in GOOD.items() if name != "width"})
