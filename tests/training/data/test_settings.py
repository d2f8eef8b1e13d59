from pathlib import Path

from vidcache.config.validation import validate_settings
from vidcache.config.yaml_file import read_yaml
from vidcache.training.data.settings import DatasetSettings

EXAMPLE = Path(__file__).parents[3] / "configs" / "data" / "example.yaml"


def test_the_example_names_every_key():
    values = read_yaml(EXAMPLE, "data set").values
    settings = validate_settings(DatasetSettings, values, where=lambda keys: "")
    assert list(values) == list(DatasetSettings.model_fields)
    for section in ("videos", "annotations", "splits"):
        assert list(values[section]) == list(type(getattr(settings, section)).model_fields)


def test_the_example_has_the_defaults_of_what_need_not_be_given():
    values = read_yaml(EXAMPLE, "data set").values
    for section in ("annotations", "splits"):
        kind = type(getattr(DatasetSettings.model_validate(values), section))
        defaults = kind.model_validate({"file": "x"} if section == "annotations" else {})
        given = {key: value for key, value in values[section].items() if key != "file"}
        # A fifth is held out where the annotations do not say what is for validation.
        given.pop("validation", None)
        assert given == defaults.model_dump(include=set(given))
