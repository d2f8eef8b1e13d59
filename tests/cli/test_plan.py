"""`vidcache plan`."""

import pytest

from vidcache.cli.byte_sizes import parse_bytes, show_bytes
from vidcache.errors import ConfigError
from vidcache.model import ActionModel


def test_a_table_says_what_a_head_costs(call, head_file):
    code, out, err = call("plan", "--config", head_file, "--streams", 8, "--budget", "64MiB")
    assert (code, err) == (0, "")
    assert "28,704,768" in out
    assert "27.4 MiB" in out
    assert "fits 64.0 MiB; the largest that does is SinkWindow(window=161, sink_frames=1)" in out


def test_the_costs_of_a_model_are_those_of_its_state(call, small_model_path):
    model = ActionModel.load(small_model_path)
    code, out, _ = call("plan", "--model", small_model_path, "--streams", 3)
    assert code == 0
    assert f"{model.init_state(3).nbytes:,}" in out


def test_a_window_may_be_asked_for(call, small_model_path):
    code, out, _ = call("plan", "--model", small_model_path, "--window", 100)
    assert code == 0
    assert "SlidingWindow(window=100), 108 slots a stream" in out


def test_a_budget_that_is_too_small_says_what_would_fit(call, head_file):
    code, out, _ = call("plan", "--config", head_file, "--budget", "1MB")
    assert code == 0
    assert "does not fit" in out
    assert "SinkWindow(window=11," in out
    assert "nothing does" in call("plan", "--config", head_file, "--budget", "1kB")[1]


def test_formats_cost_less(call, head_file):
    _, out, _ = call(
        "plan", "--config", head_file, "--key-format", "int8", "--value-format", "int8"
    )
    assert "int8" in out
    assert "3,588,096" not in out


def test_no_weights_are_read(call, monkeypatch):
    def refuse(*_):
        raise AssertionError("a plan reads no weights")

    monkeypatch.setattr("vidcache.model.model_file.read_model", refuse)
    code, out, _ = call("plan")
    assert code == 0
    assert "TimeWindow" in out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--budget", "a lot"), "--budget: 'a lot'"),
        (("--model", "tiny", "--config", "x.yaml"), "--model and --config"),
        (("--config", "nowhere.yaml"), "nowhere.yaml"),
        (("--window", 0), "max_frames is 0"),
        (("--streams", 0), "streams=0"),
        (("--key-format", "int9"), "int9"),
    ],
)
def test_a_mistake_is_one_line(call, arguments, part):
    code, out, err = call("plan", *arguments)
    assert (code, out) == (2, "")
    assert part in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "number"),
    [("64", 64), ("64MB", 64_000_000), ("1.5 GiB", 3 << 29), ("2kb", 2000), ("7 B", 7)],
)
def test_numbers_of_bytes_are_read(text, number):
    assert parse_bytes(text, "--budget") == number


@pytest.mark.parametrize("text", ["", "MB", "-3MB", "3 XB", "1e9", "nan"])
def test_what_is_no_number_of_bytes_is_refused(text):
    with pytest.raises(ConfigError, match="64MB"):
        parse_bytes(text, "--budget")


def test_numbers_of_bytes_are_shown():
    assert [show_bytes(n) for n in (5, 2048, 3 << 30)] == ["5 bytes", "2.0 KiB", "3.0 GiB"]
