import time
from pathlib import Path

import pytest
from object_script import make_object_model

from vidcache.batch import BatchOptions, Shard, collect_inputs
from vidcache.batch.fingerprint import hash_file, identify
from vidcache.batch.manifest import Entry
from vidcache.batch.plan import decide_models, decide_precision, make_plan
from vidcache.config import Config, override
from vidcache.errors import ConfigError


@pytest.fixture
def done(video_folder, tmp_path):
    """Inputs, options and entries of a batch that is complete."""
    options = BatchOptions(tmp_path / "out")
    inputs = collect_inputs([str(video_folder)])
    entries = {}
    for file in inputs:
        path = Path(options.outputs_of(file.name)["jsonl"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("results")
        entries[file.name] = Entry(
            name=file.name,
            path=file.path,
            content=hash_file(file.path),
            settings="s",
            precision="bf16",
            outputs={"jsonl": 7},
            identity=identify(file.path),
            frames=1,
            tainted=0,
            truncated=False,
            seconds=1.0,
            time=time.time(),
        )
    return inputs, entries, options


def planned(inputs, entries, options, settings="s"):
    return {
        job.name: job.known_content for job in make_plan(inputs, entries, settings, options).jobs
    }


def test_what_is_complete_is_left_alone(done):
    inputs, entries, options = done
    plan = make_plan(inputs, entries, "s", options)
    assert (plan.jobs, len(plan.known)) == ((), 4)


def test_other_settings_do_everything_again(done):
    assert planned(*done, settings="t") == dict.fromkeys(done[1])


def test_an_output_that_is_missing_or_short_is_done_again(done):
    options = done[2]
    Path(options.outputs_of("mon/a")["jsonl"]).unlink()
    Path(options.outputs_of("tue/a")["jsonl"]).write_text("half")
    assert planned(*done) == {"mon/a": None, "tue/a": None}


def test_more_outputs_do_everything_again(done):
    inputs, entries, options = done
    assert len(planned(inputs, entries, BatchOptions(options.out, kinds=("csv",)))) == 4


def test_a_file_that_looks_changed_is_read_but_not_done_if_its_content_is_known(done, video_folder):
    (video_folder / "mon/a.mp4").touch()
    assert planned(*done) == {"mon/a": done[1]["mon/a"].content}


def test_the_largest_file_is_first(video_folder, tmp_path):
    inputs = collect_inputs([str(video_folder)])
    jobs = make_plan(inputs, {}, "s", BatchOptions(tmp_path / "out")).jobs
    sizes = [job.num_bytes for job in jobs]
    assert sizes == sorted(sizes, reverse=True)


def test_shards_plan_everything_once(done):
    inputs, _, options = done
    parts = [
        planned(inputs, {}, BatchOptions(options.out, shard=Shard(number, 3)))
        for number in (1, 2, 3)
    ]
    assert sorted(name for part in parts for name in part) == sorted(file.name for file in inputs)


def test_an_output_never_replaces_an_input(video_folder):
    inputs = collect_inputs([str(video_folder)])
    with pytest.raises(ConfigError, match="would replace a video"):
        make_plan(inputs, {}, "s", BatchOptions(video_folder, kinds=("video",)))
    assert len(make_plan(inputs, {}, "s", BatchOptions(video_folder)).jobs) == 4


def test_workers_are_told_which_models_and_which_arithmetic(done, monkeypatch, tmp_path):
    monkeypatch.setenv("VIDCACHE_OFFLINE", "1")
    monkeypatch.setenv("VIDCACHE_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert decide_models(Config()).detector == "bundled"
    assert decide_models(Config(detector="none")).detector == "none"
    path = tmp_path / "objects.safetensors"
    make_object_model(("motion",)).save(path)
    config = override(Config(), {"actions": "both", "objects.model": str(path)})
    assert decide_models(config) == override(config, {"detector": "bundled"})
    _, entries, _ = done
    assert decide_precision(Config(), entries, "s").precision == "bf16"
    assert decide_precision(Config(precision="fp32"), entries, "s").precision == "fp32"
    assert decide_precision(Config(), {}, "s").precision in ("fp32", "bf16")
