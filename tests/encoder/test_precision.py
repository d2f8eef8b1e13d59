import pytest
import torch

from vidcache.encoder import choose_precision
from vidcache.errors import ConfigError


@pytest.mark.parametrize(
    ("requested", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_a_requested_format_is_taken_on_any_machine(requested: str, dtype: torch.dtype) -> None:
    choice = choose_precision(requested)
    assert choice.name == requested
    assert choice.dtype == dtype
    assert choice.reason == "asked for"


def test_auto_chooses_one_and_says_why() -> None:
    choice = choose_precision("auto", num_rows=16, width=32)
    assert choice.name in ("fp32", "bf16")
    assert choice.reason


def test_auto_answers_the_same_for_the_life_of_the_process() -> None:
    first = choose_precision("auto", num_rows=8, width=64)
    assert all(choose_precision("auto", num_rows=8, width=64) is first for _ in range(3))


def test_auto_stays_in_fp32_on_a_device_it_does_not_know() -> None:
    assert choose_precision("auto", "meta").name == "fp32"


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="'auto', 'fp32' or 'bf16'"):
        choose_precision("fp8")
