import json

import pytest
from sink_input import HEADER, make_frame, make_result

from vidcache.config import Config
from vidcache.errors import ConfigError, SinkError
from vidcache.video import FILE_SINKS, read_jsonl
from vidcache.video.sinks import make_sinks, output_path


def run(sinks, num_frames=30, *, live=False):
    for sink in sinks:
        sink.open({**HEADER, "live": live})
    for index in range(num_frames):
        for sink in sinks:
            sink.write(make_frame(index), make_result(index))
    for sink in sinks:
        sink.close({"frames": num_frames})


@pytest.mark.parametrize("live", [False, True])
def test_every_kind_of_file_can_be_asked_for(tmp_path, live):
    names = {kind: f"all{suffix}" for kind, suffix in FILE_SINKS.items()}
    config = Config(**{kind: str(tmp_path / name) for kind, name in names.items()})
    sinks = make_sinks(config, name="door", live=live)
    assert len(sinks) == len(FILE_SINKS)
    run(sinks, live=live)
    assert {path.name for path in tmp_path.iterdir()} == set(names.values())
    recording = read_jsonl(tmp_path / "all.jsonl")
    assert recording.complete
    assert len(recording.frames) == 30


def test_nothing_is_made_that_was_not_asked_for():
    assert make_sinks(Config(), name="door", live=True) == []


def test_settings_of_rotation_and_segments_reach_the_sinks(tmp_path):
    config = Config(
        jsonl=str(tmp_path / "camera.jsonl"),
        video=str(tmp_path / "camera.mp4"),
        outputs={"rotate_seconds": 0.5, "segment_seconds": 0.5, "keep_files": 2, "crf": 40},
    )
    run(make_sinks(config, name="door", live=False), 60)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("camera.0004.jsonl", "camera.0004.mp4", "camera.0005.mp4", "camera.jsonl"),
    ]


def test_what_works_in_the_background_keeps_its_name(tmp_path):
    paths = {"jsonl": str(tmp_path / "a.jsonl"), "csv": str(tmp_path / "a.csv")}
    config = Config(**paths, outputs={"rotate_mb": 1})
    assert [sink.name for sink in make_sinks(config, name="door", live=True)] == ["jsonl", "csv"]


def test_the_standard_output_never_rotates(capsys):
    config = Config(jsonl="-", outputs={"rotate_mb": 0.0001})
    run(make_sinks(config, name="door", live=False))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 32


def test_sources_that_share_the_standard_output_are_told_apart(capsys):
    for name in ("door", "yard"):
        run(make_sinks(Config(jsonl="-"), name=name, live=True, several=True), 2, live=True)
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["name"] for record in records] == ["door"] * 4 + ["yard"] * 4


def test_several_sources_have_outputs_of_their_own(tmp_path):
    config = Config(jsonl=str(tmp_path / "new"), csv=str(tmp_path / "{name}" / "all.csv"))
    for name in ("door", "yard 2/left"):
        run(make_sinks(config, name=name, live=False, several=True), 1)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert found == [
        *("door/all.csv", "new/door.jsonl", "new/yard 2_left.jsonl", "yard 2_left/all.csv"),
    ]


@pytest.mark.parametrize(
    ("target", "several", "path"),
    [
        ("-", True, "-"),
        ("a.csv", False, "a.csv"),
        ("a", False, "a"),
        ("a", True, "a/door.csv"),
        ("a/", False, "a/door.csv"),
        ("x/{name}.y", False, "x/door.y"),
    ],
)
def test_a_path_is_a_file_a_folder_or_a_pattern(target, several, path):
    assert output_path("csv", target, "door", several=several) == path


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "", ".hidden", "a\0b", "rtsp://x/y?z"])
def test_no_name_of_a_source_leads_out_of_the_folder(name, tmp_path):
    folder = tmp_path / "out"
    path = output_path("csv", f"{folder}/", name, several=True)
    assert path.startswith(str(folder))
    assert path.removeprefix(f"{folder}/").count("/") == 0
    assert not path.removeprefix(f"{folder}/").startswith(".")


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"name a folder or use \{name\}"):
        output_path("csv", "a.csv", "door", several=True)
    with pytest.raises(ConfigError, match="cannot go to the standard output"):
        make_sinks(Config(video="-"), name="door", live=False)
    with pytest.raises(ConfigError, match="several sources cannot share the standard output"):
        make_sinks(Config(csv="-"), name="door", live=False, several=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot make the folder"):
        make_sinks(Config(csv=str(tmp_path / "file" / "{name}.csv")), name="door", live=False)


def test_messages_have_a_spool_for_each_source_and_kind(tmp_path):
    pytest.importorskip("paho.mqtt.client", reason="needs the extra 'mqtt'")
    config = Config(
        webhook="http://127.0.0.1:9/hook",
        mqtt="mqtt://127.0.0.1:9",
        outputs={"spool": str(tmp_path / "spool"), "update_seconds": 5},
    )
    for name in ("door", "yard"):
        assert [sink.name for sink in make_sinks(config, name=name, live=True)] == [
            *("webhook", "mqtt"),
        ]
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*/*/*"))
    assert found == [
        *("spool/door/mqtt", "spool/door/webhook", "spool/yard/mqtt", "spool/yard/webhook"),
    ]
