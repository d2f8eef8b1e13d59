import shutil

import pytest
from object_script import make_object_model

from vidcache.batch.fingerprint import hash_file, settings_fingerprint
from vidcache.config import override


def test_the_hash_goes_by_the_whole_content(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"x" * 3_000_000)
    second.write_bytes(b"x" * 2_999_999 + b"y")
    assert hash_file(first) != hash_file(second)
    shutil.copy(first, second)
    assert hash_file(first) == hash_file(second)


@pytest.mark.parametrize(
    "flags",
    [{"threshold": 0.9}, {"max_frames": 3}, {"precision": "bf16"}, {"events": {"enter": 0.7}}],
)
def test_what_changes_results_changes_the_fingerprint(small_config, flags):
    assert settings_fingerprint(override(small_config, flags)) != settings_fingerprint(small_config)


@pytest.mark.parametrize(
    "flags",
    [
        *({"source": "x.mp4"}, {"jsonl": "y"}, {"device": "cuda"}, {"tracker": "botsort"}),
        {"objects": {"keep_seconds": 9.0}},
    ],
)
def test_what_does_not_change_results_leaves_the_fingerprint(small_config, flags):
    assert settings_fingerprint(override(small_config, flags)) == settings_fingerprint(small_config)


def test_a_model_counts_by_its_content(small_config, small_model_path, tmp_path):
    same = tmp_path / "other_name.safetensors"
    shutil.copy(small_model_path, same)
    moved = override(small_config, {"model": str(same)})
    assert settings_fingerprint(moved) == settings_fingerprint(small_config)
    same.write_bytes(same.read_bytes() + b"\0")
    assert settings_fingerprint(moved) != settings_fingerprint(small_config)


def test_a_settings_file_of_the_tracker_counts_by_its_content(small_config, tmp_path):
    path = tmp_path / "tracker.yaml"
    path.write_text("track_buffer: 30\n")
    config = override(small_config, {"detector": "bundled", "track": {"settings": str(path)}})
    before = settings_fingerprint(config)
    path.write_text("track_buffer: 60\n")
    assert settings_fingerprint(config) != before


def test_what_labels_objects_counts_where_they_are_labelled(small_config, tmp_path):
    path = tmp_path / "objects.safetensors"
    make_object_model().save(path)
    flags = {"actions": "both", "detector": "bundled", "objects.model": str(path)}
    config = override(small_config, {**flags, "objects.pose": "none"})
    found = {settings_fingerprint(config)}
    found.add(settings_fingerprint(override(config, {"objects.keep_seconds": 9.0})))
    found.add(settings_fingerprint(override(config, {"actions": "per-object"})))
    found.add(settings_fingerprint(override(config, {"objects.pose": "bundled"})))
    found.add(settings_fingerprint(override(small_config, {"detector": "bundled"})))
    path.write_bytes(path.read_bytes() + b"\0")
    found.add(settings_fingerprint(config))
    assert len(found) == 6
