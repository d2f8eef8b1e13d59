import pytest

from vidcache.errors import ConfigError
from vidcache.tracking import load_tracker_settings, tracker_names

NAMES = ["botsort", "bytetrack", "deepocsort", "fasttrack", "ocsort", "tracktrack"]


def test_the_names_are_those_of_the_installed_ultralytics():
    names = tracker_names()
    from ultralytics.trackers.track import TRACKER_MAP

    assert set(names) == set(TRACKER_MAP)
    assert names == tuple(sorted(names))


@pytest.mark.parametrize("name", NAMES)
def test_a_trackers_own_settings_are_its_defaults(name):
    settings = load_tracker_settings(name)
    assert settings.name == name
    assert settings.values["tracker_type"] == name
    assert load_tracker_settings(f"{name}.yaml") == settings


def test_a_mapping_replaces_some_settings_and_keeps_the_rest():
    shipped = load_tracker_settings("bytetrack")
    changed = load_tracker_settings("bytetrack", {"track_buffer": 90, "match_thresh": 1})
    assert changed.values == {**shipped.values, "track_buffer": 90, "match_thresh": 1}


def test_a_file_replaces_some_settings(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("tracker_type: ocsort\nuse_byte: true\n")
    assert load_tracker_settings("ocsort", path).values["use_byte"] is True
    by_itself = load_tracker_settings(path)
    assert by_itself.name == "ocsort"
    assert by_itself == load_tracker_settings("ocsort", path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"track_bufer": 1}, "no setting 'track_bufer'; did you mean 'track_buffer'"),
        ({"zzz": 1}, "no setting 'zzz'; valid here: tracker_type, "),
        ({"track_buffer": "long"}, "track_buffer is 'long', expected a value like 30"),
        ({"fuse_score": 1}, "fuse_score is 1, expected a value like True"),
        ({"track_buffer": True}, "track_buffer is True, expected a value like 30"),
        ({"tracker_type": "ocsort"}, "tracker_type is 'ocsort', but the tracker asked for"),
    ],
)
def test_a_wrong_setting_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        load_tracker_settings("bytetrack", settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1\n- 2\n", "expected 'key: value' lines"),
        ("a: [1\n", "this is no valid YAML"),
        ("tracker_type: deepsort\n", "tracker_type is 'deepsort', expected one of botsort"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_tracker_settings(path)


def test_a_file_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the tracker's settings"):
        load_tracker_settings(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot read the tracker's settings"):
        load_tracker_settings("bytetrack", tmp_path / "none.yaml")


def test_null_turns_a_method_off():
    assert load_tracker_settings("botsort", {"gmc_method": None}).values["gmc_method"] == "none"
