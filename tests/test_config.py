from pathlib import Path

import pytest
import yaml

from vidcache.config import CLEARED, Config, load_config, override
from vidcache.errors import ConfigError

CONFIGS = Path(__file__).parents[1] / "configs"
# Those of `vidcache train` are not settings of a run.
OF_RUNS = sorted(path for path in CONFIGS.glob("*.yaml") if path.name != "train.yaml")


@pytest.fixture
def write(tmp_path):
    def _write(text):
        path = tmp_path / "my.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def message_of(path):
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_documented_defaults_are_the_defaults():
    assert load_config(CONFIGS / "default.yaml") == Config()


def test_the_documented_defaults_name_every_key():
    def keys(values, prefix=""):
        for name, value in values.items():
            yield prefix + name
            if isinstance(value, dict):
                yield from keys(value, f"{prefix}{name}.")

    documented = yaml.safe_load((CONFIGS / "default.yaml").read_text(encoding="utf-8"))
    assert sorted(keys(documented)) == sorted(keys(Config().model_dump()))


@pytest.mark.parametrize("path", OF_RUNS, ids=lambda path: path.name)
def test_every_shipped_configuration_is_valid(path):
    load_config(path)


def test_what_a_file_leaves_out_keeps_its_default(write):
    config = load_config(write("threshold: 0.4\nevents:\n  min_seconds: 2\n"))
    assert config.threshold == 0.4
    assert config.events.min_seconds == 2.0
    assert config.events.min_gap_seconds == Config().events.min_gap_seconds
    assert config.detector == "auto"


def test_an_empty_file_gives_the_defaults(write):
    assert load_config(write("# nothing yet\n")) == Config()


def test_an_unknown_key_is_refused_with_the_nearest_name(write):
    path = write("detektor: none\n")
    assert message_of(path) == f"{path}: unknown key 'detektor'; did you mean 'detector'?"


def test_an_unknown_key_in_a_section_is_refused_with_the_nearest_name(write):
    message = message_of(write("events:\n  min_second: 1\n"))
    assert "unknown key 'events.min_second'; did you mean 'events.min_seconds'?" in message


def test_a_key_outside_its_section_is_shown_where_it_belongs(write):
    assert "did you mean 'read.open_timeout'?" in message_of(write("open_timeout: 3\n"))


def test_an_unknown_key_like_no_other_lists_what_is_valid(write):
    assert "valid here: enter, leave" in message_of(write("events:\n  zzz: 1\n"))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("threshold: 1.5", "threshold"),
        ("threshold: .nan", "threshold"),
        ("max_frames: 0", "max_frames"),
        ("precision: fp64", "precision"),
        ("show: perhaps", "show"),
        ("events:\n  min_seconds: -1", "events.min_seconds"),
        ("events: 5", "events"),
        ("read:\n  camera_size: [640]", "read.camera_size"),
        ("track:\n  detect_every: 0", "track.detect_every"),
        ("track:\n  detect_every: -2", "track.detect_every"),
        ("track:\n  detect_every: 2.5", "track.detect_every"),
        ("track:\n  detect_every: true", "track.detect_every"),
        ("track:\n  detect_every: often", "track.detect_every"),
    ],
)
def test_a_value_out_of_range_is_refused_with_file_and_key(write, text, key):
    path = write(text)
    assert message_of(path).startswith(f"{path}: {key}")


def test_a_key_that_stands_twice_is_refused_with_its_line(write):
    path = write("model: tiny\nthreshold: 0.5\nmodel: other\n")
    assert message_of(path) == f"{path}, line 3: the key 'model' stands twice"


def test_broken_yaml_is_refused_with_its_line(write):
    assert ", line 2: " in message_of(write("model: tiny\n  threshold: [0.5\n"))


def test_a_file_that_is_no_mapping_is_refused(write):
    assert "expected 'key: value' lines, got a list" in message_of(write("- tiny\n"))


def test_a_missing_file_is_named(tmp_path):
    message = message_of(tmp_path / "nowhere.yaml")
    assert "nowhere.yaml" in message
    assert "No such file" in message


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "video.yaml"
    path.write_bytes(b"\xff\xfe\x00\x80")
    assert "it is not a text file" in message_of(path)


def test_a_camera_may_be_written_as_a_number(write):
    assert load_config(write("source: 0")).source == "0"


def test_an_empty_detector_means_none(write):
    assert load_config(write("detector: null")).detector == "none"


def test_a_flag_overrides_its_key_and_leaves_the_rest():
    config = Config(model="mine.safetensors", threshold=0.3)
    changed = override(config, {"threshold": 0.7, "model": None, "max_frames": 10})
    assert (changed.model, changed.threshold, changed.max_frames) == ("mine.safetensors", 0.7, 10)


def test_a_wrong_flag_is_named_as_on_the_command_line():
    with pytest.raises(ConfigError, match=r"^--max-frames: 0 is not allowed"):
        override(Config(), {"max_frames": 0})


@pytest.mark.parametrize("value", ["0", "-3", "often", "2.5", ""])
def test_a_cadence_that_is_none_is_refused_and_told_what_is_one(value):
    expected = rf"^--detect-every: '{value}' is not allowed: expected a number of frames, 1 or more"
    with pytest.raises(ConfigError, match=expected):
        override(Config(), {"track.detect_every": value})


@pytest.mark.parametrize(("value", "meant"), [("1", 1), ("5", 5), ("auto", "auto")])
def test_a_cadence_may_be_a_number_or_auto(value, meant):
    assert override(Config(), {"track.detect_every": value}).track.detect_every == meant


def test_an_unknown_setting_in_python_is_refused():
    with pytest.raises(ConfigError, match="unknown key 'treshold'; did you mean 'threshold'"):
        override(Config(), {"treshold": 0.5}, prefix="")


def test_a_flag_may_take_back_what_a_file_says():
    config = override(Config(), {"encoder.reuse": 0.2, "jsonl": "out.jsonl"})
    cleared = override(config, {"encoder.reuse": CLEARED, "jsonl": None})
    assert (cleared.encoder.reuse, cleared.jsonl) == (None, "out.jsonl")
