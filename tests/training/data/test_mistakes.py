"""A data set with each kind of mistake gives each its own clear error, with file and line."""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
import yaml

from vidcache.errors import DataError
from vidcache.training.data import load_dataset
from vidcache.training.data.reading import read_dataset
from vidcache.training.data.video_lengths import measure_videos

GOOD = "a,0,1,walk\nb,0,1,walk\nc,0,1,wave\nd,0.5,1.5,wave"
CLIPS = ("a.mp4", "b.mp4", "c.mp4", "d.mp4")


@dataclass(frozen=True)
class Case:
    """A mistake: what is wrong in the files, and the one error that it must give."""

    name: str
    expected: str
    rows: str = GOOD
    columns: str = "video,start,end,label"
    keys: dict = field(default_factory=dict)
    clips: tuple = CLIPS
    text: str | None = None


CASES = [
    Case(
        "unknown video",
        "labels.csv, line 3: unknown video 'bb': it is not in 'clips'; did you mean 'b'?",
        GOOD.replace("b,", "bb,"),
    ),
    Case(
        "name of two videos",
        "labels.csv, line 2: 'a' may be 'clips/one/a.mp4' and 'clips/two/a.mp4': write its path in "
        "the folder",
        clips=("one/a.mp4", "two/a.mp4", *CLIPS[1:]),
    ),
    Case(
        "end before start",
        "labels.csv, line 6: end is 0.5, before or at the start (1.5): expected a later time",
        GOOD + "\nd,1.5,0.5,walk",
    ),
    Case(
        "negative start",
        "labels.csv, line 6: start is -1: expected 0 or more seconds",
        GOOD + "\nd,-1,0.5,walk",
    ),
    Case(
        "no number",
        "labels.csv, line 6: end is 'soon': expected a number of seconds",
        GOOD + "\nd,1,soon,walk",
    ),
    Case(
        "infinite time",
        "labels.csv, line 6: end is 'inf': expected a number of seconds",
        GOOD + "\nd,1,inf,walk",
    ),
    Case(
        "overlap",
        "labels.csv, line 6: 'walk' from 1 to 2 s overlaps with 'wave' from 0.5 to 1.5 s (line 5): "
        "end the one before the other begins, or write multi_label: true",
        GOOD + "\nd,1,2,walk",
    ),
    Case(
        "row that stands twice",
        "labels.csv, line 6: the same row stands in line 5: take one away",
        GOOD + "\nd,0.5,1.5,wave",
    ),
    Case(
        "label that is not in the list",
        "labels.csv, line 6: the label 'wak' is not in the list of labels; did you mean 'walk'?",
        GOOD + "\nd,2,3,wak",
        keys={"labels": ["walk", "wave"]},
    ),
    Case(
        "label that nothing shows",
        "set.yaml, line 6: the label 'jump' is never seen in training: no video shows it",
        keys={"labels": ["walk", "wave", "jump"]},
    ),
    Case(
        "label outside training",
        "labels.csv, line 6: the label 'jump' is never seen in training: only in test",
        "a,0,1,walk,train\nb,0,1,wave,train\nc,0,1,walk,validation\nc,1,2,wave,validation\n"
        "d,0,1,jump,test",
        columns="video,start,end,label,split",
    ),
    Case(
        "label that is listed twice",
        "set.yaml, line 6: the label 'walk' stands twice (set.yaml, line 4)",
        keys={"labels": ["walk", "wave", "walk"]},
    ),
    Case(
        "no label",
        "labels.csv, line 6: there is no label: expected what the segment shows",
        GOOD + "\nd,2,3,",
    ),
    Case(
        "no video",
        "labels.csv, line 6: there is no video: expected a file's name",
        GOOD + "\n,2,3,walk",
    ),
    Case(
        "row of another length",
        "labels.csv, line 6: 3 values, expected 4: video, start, end, label",
        GOOD + "\nd,2,3",
    ),
    Case(
        "missing column",
        "labels.csv, line 1: the column 'label' is missing; is it 'lable'?",
        columns="video,start,end,lable",
    ),
    Case(
        "no rows",
        "labels.csv: there is no row below the line of columns: expected labels",
        rows="",
    ),
    Case(
        "video in two splits",
        "labels.csv, line 3: 'a' is in 'test', but in 'train' too (labels.csv, line 2): a video "
        "belongs to one split",
        "a,0,1,walk,train\na,1,2,wave,test\nb,0,1,walk,train\nc,0,1,wave,train",
        columns="video,start,end,label,split",
        clips=CLIPS[:3],
    ),
    Case(
        "video in two lists",
        "set.yaml, line 7: 'a' is in 'validation', but in 'train' too (set.yaml, line 5): a video "
        "belongs to one split",
        keys={"splits": {"train": ["a"], "validation": ["a.mp4"]}},
        rows="a,0,1,walk",
        clips=CLIPS[:1],
    ),
    Case(
        "unknown split",
        "labels.csv, line 2: unknown split 'trian': did you mean 'train'?",
        "a,0,1,walk,trian\nb,0,1,walk,train\nc,0,1,wave,\nd,0,1,wave,",
        columns="video,start,end,label,split",
    ),
    Case(
        "unknown video in a list",
        "set.yaml, line 5: unknown video 'x': it is not in the data set; expected one of: a, b, c",
        keys={"splits": {"test": ["x"]}},
    ),
    Case(
        "share of what is given",
        "set.yaml, line 4: a share of 0.5, but the annotations say already which videos are for "
        "validation: take one of both away",
        "a,0,1,walk,train\nb,0,1,walk,validation\nc,0,1,wave,train",
        columns="video,start,end,label,split",
        keys={"splits": {"validation": 0.5}},
        clips=CLIPS[:3],
    ),
    Case(
        "unknown key",
        "set.yaml, line 3: unknown key 'lables'; did you mean 'labels'?",
        keys={"lables": ["walk"]},
    ),
    Case(
        "unknown key in a section",
        "set.yaml, line 5: unknown key 'splits.sed'; did you mean 'splits.seed'?",
        keys={"splits": {"validation": 0.2, "sed": 3}},
    ),
    Case(
        "unknown key in another section",
        "set.yaml, line 2: unknown key 'videos.folder'; valid here: root, unlabelled",
        keys={"videos": {"folder": "clips"}},
    ),
    Case(
        "words that YAML reads as truth",
        "set.yaml, line 3: labels: [True, False] is not allowed: expected names, but True is none",
        keys={"labels": [True, False]},
    ),
    Case(
        "share that is none",
        "set.yaml, line 4: splits.validation",
        keys={"splits": {"validation": 1.5}},
    ),
    Case(
        "key of another format",
        "set.yaml, line 2: annotations: 'frame_rate' belongs to the format lstr, not to 'segments'",
        keys={"annotations": {"file": "labels.csv", "format": "segments", "frame_rate": 4}},
    ),
    Case(
        "file that is not there",
        "cannot read the labels 'label.csv': there is no such file or folder",
        keys={"annotations": "label.csv"},
    ),
    Case(
        "folder that is not there",
        "set.yaml, line 1: there is no 'clip': expected a folder of videos, or a video",
        keys={"videos": "clip"},
    ),
    Case(
        "list of labels that is not there",
        "set.yaml, line 3: there is no file 'labels.txt': expected a list of names, or a text "
        "file with a name a line",
        keys={"labels": "labels.txt"},
    ),
    Case(
        "nothing said",
        "set.yaml: expected 'videos' (a folder), 'annotations' (a file), or both",
        text="",
    ),
    Case("broken YAML", "set.yaml, line 2: ", text="videos: clips\n  labels: [a\n"),
    Case(
        "nothing but background",
        "set.yaml: there is no label but the background: expected others",
        "a,0,1,background",
        clips=CLIPS[:1],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_gives_its_own_error_with_file_and_line(make_set, monkeypatch, tmp_path, case):
    path = make_set(case.clips, case.rows, columns=case.columns, **case.keys)
    if case.text is not None:
        path.write_text(case.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        load_dataset("set.yaml")
    message = str(caught.value)
    assert message.startswith(case.expected)
    assert "\n" not in message
    assert len(read_dataset("set.yaml").problems.mistakes) == 1


def test_all_errors_differ():
    assert len({case.expected for case in CASES}) == len(CASES)


def test_all_mistakes_are_found_at_once_and_the_first_is_raised(make_set, tmp_path, monkeypatch):
    rows = "a,0,1,walk\nb,2,1,walk\nb,x,1,walk\nq,0,1,walk\nc,0,1,run\nc,0,1,run\nd,0,2,walk"
    make_set(CLIPS, rows, labels=["walk", "wave"])
    monkeypatch.chdir(tmp_path)
    mistakes = read_dataset("set.yaml").problems.mistakes
    lines = [mistake.split(": ")[0] for mistake in mistakes]
    assert lines == [
        "labels.csv, line 3", "labels.csv, line 4", "labels.csv, line 5", "labels.csv, line 6",
        "set.yaml, line 5",
    ]  # fmt: skip
    assert "run" in mistakes[3]
    assert "(2 rows have it)" in mistakes[3]
    with pytest.raises(DataError, match=r"line 3: .*\(and 4 more: vidcache data check set.yaml"):
        load_dataset("set.yaml")


def test_a_video_that_cannot_be_opened_is_named_with_its_line(make_set, real_clips, tmp_path):
    path = make_set(CLIPS, GOOD)
    real_clips("a.mp4", "b.mp4", "c.mp4")
    found = read_dataset(path)
    lengths = measure_videos(found, lambda name: None)
    assert sorted(lengths) == ["a", "b", "c"]
    (mistake,) = found.problems.mistakes
    assert mistake.startswith(f"{tmp_path / 'labels.csv'}, line 5: ")
    assert "d.mp4" in mistake


def test_a_segment_beyond_the_end_is_named_with_its_line(make_set, real_clips, tmp_path):
    path = make_set(CLIPS, GOOD + "\nd,1.6,2.05,walk\na,1.5,2.5,wave\nb,62,63,wave")
    real_clips(*CLIPS)
    found = read_dataset(path)
    measure_videos(found, lambda name: None)
    where = tmp_path / "labels.csv"
    assert found.problems.mistakes == [
        f"{where}, line 7: end is 2.5, but 'a' is over at 2.00 s: are the times seconds?",
        f"{where}, line 8: start is 62, but 'b' is over at 2.00 s: are the times seconds?",
    ]


def test_an_empty_file_is_a_mistake(tmp_path):
    (tmp_path / "labels.csv").write_text(" \n")
    with pytest.raises(DataError, match=r"the file is empty: expected a line 'video,start,end,"):
        load_dataset(tmp_path / "labels.csv")


def test_a_file_that_is_no_text_is_a_mistake(tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match="it is not a text file"):
        load_dataset(tmp_path / "labels.csv")


def test_a_data_set_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(DataError, match=r"cannot read the data set .*nowhere\.yaml"):
        load_dataset(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (["walk/a.mp4", "wave/"], "wave: there is no video in this label's folder"),
        (["walk/a.mp4", "stray.mp4"], "stray.mp4: the video lies in no label's folder"),
        ([], "has no folders: expected one for each label"),
    ],
)
def test_mistakes_in_folders_name_the_folder_or_the_video(tmp_path, layout, expected):
    for name in layout:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"subset": "training"}, "line 3: 'a' has no list of 'annotations'"),
        (
            {"subset": "training", "annotations": [{"label": "walk", "segment": [1.0]}]},
            "line 3, annotation 0: 'a': expected a 'segment' of two times, got [1.0]",
        ),
        (
            {"subset": "training", "annotations": [{"label": "walk", "segment": [3.0, 1.0]}]},
            "line 3, annotation 0: end is 1.0, before or at the start (3.0)",
        ),
        (
            {"subset": "tarining", "annotations": [{"label": "walk", "segment": [0.0, 1.0]}]},
            "line 3: unknown split 'tarining': did you mean 'train'?",
        ),
    ],
)
def test_mistakes_in_json_name_line_and_annotation(tmp_path, entry, expected):
    good = {"subset": "validation", "annotations": [{"label": "walk", "segment": [0, 1]}]}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"database": {"a": entry, "b": good}}, indent=1))
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_bytes(b"")
    mistakes = read_dataset(path).problems.mistakes
    assert [m for m in mistakes if m.startswith(f"{path}, {expected}")], mistakes


def test_broken_json_is_named_with_its_line(tmp_path):
    (tmp_path / "labels.json").write_text('{"database":\n {"a": }}')
    with pytest.raises(DataError, match=r"labels.json, line 2: this is no valid JSON"):
        load_dataset(tmp_path / "labels.json")


def write_lstr(root, features, targets):
    info = {"class_names": ["bg", "walk"], "fps": 4, "train_session_set": ["s"]}
    (root / "data_info.json").write_text(json.dumps(info))
    for folder, array in (("rgb", features), ("target_perframe", targets)):
        (root / folder).mkdir()
        if array is not None:
            np.save(root / folder / "s.npy", array)


@pytest.mark.parametrize(
    ("features", "targets", "expected"),
    [
        ((5, 8), None, "target_perframe/s.npy: the file is not there"),
        ((5, 8), (4, 2), "s.npy: 4 frames, but"),
        ((5, 8), (5, 3), "s.npy: shape (5, 3), expected a column for each of the 2 class_names"),
        ((5,), (5, 2), "rgb/s.npy: shape (5,): expected (frames, width)"),
    ],
)
def test_mistakes_in_arrays_name_the_array(tmp_path, features, targets, expected):
    arrays = [None if shape is None else np.zeros(shape) for shape in (features, targets)]
    write_lstr(tmp_path, *arrays)
    mistakes = read_dataset(tmp_path).problems.mistakes
    assert any(expected in mistake for mistake in mistakes), mistakes


def test_a_folder_of_arrays_that_is_not_there_is_named_with_those_that_are(tmp_path):
    write_lstr(tmp_path, np.zeros((3, 2)), np.zeros((3, 2)))
    (tmp_path / "rgb").rename(tmp_path / "rgb_resnet")
    with pytest.raises(DataError, match=r"give annotations.features \(.*: rgb_resnet, target_"):
        load_dataset(tmp_path)


def test_a_missing_data_set_of_several_is_named(tmp_path):
    sets = {name: {"train_session_set": []} for name in ("THUMOS", "TVSeries")}
    (tmp_path / "data_info.json").write_text(json.dumps(sets))
    settings = {"annotations": {"file": "data_info.json", "dataset": "TUMOS"}}
    (tmp_path / "set.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(DataError, match="no data set 'TUMOS': did you mean 'THUMOS'"):
        load_dataset(tmp_path / "set.yaml")
