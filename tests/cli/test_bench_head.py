"""`bench head`."""

import re

import pytest


def figure(text, what):
    (line,) = [line for line in text.splitlines() if line.startswith(what)]
    return float(re.split(r"\s{2,}", line)[1].split()[0].replace(",", ""))


def test_a_long_stream_equals_a_fresh_clip_and_grows_nowhere(call):
    code, out, _ = call("bench", "head", "--frames", 5000, "--threads", 1)
    assert code == 0
    assert figure(out, "largest difference, a fresh clip") < 5e-6
    assert figure(out, "largest difference, begun at 10^8") < 5e-6
    before, after = re.findall(r"([\d,]+) and ([\d,]+)", out)[0]
    assert before == after


def test_too_few_steps_to_compare_are_refused(call):
    code, _, error = call("bench", "head", "--frames", 100)
    assert code == 2
    assert "--frames is 100: give 5000 or more" in error


def test_every_number_of_streams_has_a_row_for_every_window(call):
    options = ("--width", 32, "--depth", 1, "--heads", 2, "--iterations", 2, "--rounds", 1)
    code, out, _ = call("bench", "head", "--windows", "8,16", "--streams", "1,2", *options)
    assert code == 0
    rows = [line.strip("| ").split(" | ")[:3] for line in out.splitlines() if line[2:3].isdigit()]
    points = [["1", "8"], ["1", "16"], ["2", "8"], ["2", "16"]]
    assert rows == [[*point, kind] for point in points for kind in ("fp32", "fp16", "int8")]


@pytest.mark.parametrize("flag", ["--windows", "--streams"])
@pytest.mark.parametrize("given", ["many", "0", "4,,8", "-1"])
def test_lists_of_what_are_no_numbers_are_refused(call, flag, given):
    code, _, error = call("bench", "head", f"{flag}={given}")
    assert code == 2
    assert f"{flag} is '{given}'" in error
