"""Each label source, as its files look in public."""

import json
import math

import numpy as np
import pytest
import yaml

from vidcache.training.data import Segment, load_dataset, read_arrays


@pytest.fixture
def write(tmp_path):
    """Writes files by name; a dictionary becomes JSON or YAML, and a video is empty."""

    def _write(**files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, dict):
                dump = json.dumps if path.suffix == ".json" else yaml.safe_dump
                path.write_text(dump(content), encoding="utf-8")
            else:
                path.write_text(content, encoding="utf-8")
        return tmp_path

    return _write


def shown(dataset):
    return {video.name: list(video.segments) for video in dataset.videos}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_segments_are_read_with_any_separator_and_byte_order_mark(write, separator):
    rows = ["video,start,end,label,note", "a.mp4,0.5,2,walk,x", "", "b,1:02.5,00:01:10,wave,"]
    text = "\ufeff" + "\r\n".join(rows).replace(",", separator)
    folder = write(**{"labels.csv": text, "clips/a.mp4": "", "clips/b.mkv": ""})
    dataset = load_dataset(folder / "labels.csv")
    assert shown(dataset) == {
        "a.mp4": [Segment(0.5, 2.0, "walk")],
        "b": [Segment(62.5, 70.0, "wave")],
    }
    assert dataset.labels == ("background", "walk", "wave")
    assert not dataset.multi_label


def test_folders_are_labels_for_whole_videos(write):
    names = [f"{label}/{n}.mp4" for label in ("walk", "wave", "background") for n in range(5)]
    dataset = load_dataset(write(**dict.fromkeys(names, "")))
    assert dataset.labels == ("background", "walk", "wave")
    assert shown(dataset)["walk/0.mp4"] == [Segment(0.0, math.inf, "walk")]
    assert shown(dataset)["background/0.mp4"] == []
    held = {video.name.split("/")[0] for video in dataset.of("validation")}
    assert held == {"background", "walk", "wave"}


def test_folders_of_splits_hold_folders_of_labels(write):
    names = ["train/walk/a.mp4", "train/wave/b.mp4", "val/walk/c.mp4", "test/walk/in/d.mp4"]
    dataset = load_dataset(write(**dict.fromkeys(names, "")))
    assert [video.name for video in dataset.of("validation")] == ["val/walk/c.mp4"]
    assert [video.name for video in dataset.of("test")] == ["test/walk/in/d.mp4"]
    assert dataset.labels == ("background", "walk", "wave")


def activitynet(**subsets):
    database = {
        name: {
            "duration": 20.0,
            "subset": subset,
            "resolution": "320x240",
            "annotations": [
                {"segment": [1.5, 4], "label": "Diving"},
                {"segment": [1.5, 4], "label": "CliffDiving"},
                {"segment": [8, 9.25], "label": "Ambiguous"},
            ],
        }
        for name, subset in subsets.items()
    }
    return {"version": "1.3", "taxonomy": [], "database": database}


def test_activitynet_is_read_by_subset_and_its_withheld_labels_are_left_out(write):
    values = activitynet(a="training", b="validation")
    values["database"]["c"] = {"subset": "testing", "annotations": []}
    folder = write(
        **{"gt.json": values, "v_a.mp4": "", "v_b.mp4": "", "v_c.mp4": ""},
        **{"set.yaml": {"annotations": "gt.json", "ignore": "Ambiguous"}},
    )
    dataset = load_dataset(folder / "set.yaml")
    assert [(video.name, video.split) for video in dataset.videos] == [
        ("a", "train"),
        ("b", "validation"),
    ]
    assert dataset.multi_label
    assert dataset.labels == ("background", "CliffDiving", "Diving")
    assert dataset.videos[0].ignored == (Segment(8.0, 9.25, "Ambiguous"),)
    assert len(dataset.videos[0].segments) == 2
    assert any("subsets without any label are left out (1)" in line for line in dataset.warnings)


def test_thumos_is_trained_on_its_validation_subset_where_the_settings_say_so(write):
    values = activitynet(
        video_validation_1="Validation", video_validation_2="Validation", video_test_1="Test"
    )
    folder = write(
        **{"thumos14.json": values},
        **{f"videos/{name}.mp4": "" for name in values["database"]},
        **{
            "set.yaml": {
                "videos": "videos",
                "annotations": {"file": "thumos14.json", "subsets": {"validation": "train"}},
                "ignore": ["Ambiguous"],
                "multi_label": False,
            }
        },
    )
    dataset = load_dataset(folder / "set.yaml")
    splits = {split: len(dataset.of(split)) for split in ("train", "validation", "test")}
    assert splits == {"train": 1, "validation": 1, "test": 1}
    assert any("though multi_label is off" in line for line in dataset.warnings)


def test_videos_that_are_gone_from_a_public_data_set_are_left_out(write):
    values = activitynet(a="training", b="training", c="validation")
    folder = write(**{"gt.json": values, "a.mp4": "", "c.mp4": ""})
    dataset = load_dataset(folder / "gt.json")
    assert [video.name for video in dataset.videos] == ["a", "c"]
    assert any("the video 'b' is not in" in line for line in dataset.warnings)


EPIC = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,"
    "start_frame,stop_frame,narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes\n"
)
EPIC_TRAIN = EPIC + (
    "P01_01_0,P01,P01_01,00:00:01.089,00:00:00.14,00:00:03.37,8,202,open door,open,3,door,3,"
    "['door'],[3]\n"
    "P01_01_1,P01,P01_01,00:00:02.629,00:00:02.37,00:00:06.17,262,370,turn on light,turn-on,6,"
    "light,114,['light'],[114]\n"
    "P01_01_2,P01,P01_01,00:01:02.000,00:01:02.00,00:01:03.50,3720,3810,pull fridge,pull,3,"
    "door:fridge,3,\"['door:fridge', 'it']\",\"[3, 4]\"\n"
    "P01_02_0,P01,P01_02,00:00:01.000,00:00:01.00,00:00:02.00,60,120,open door,open,3,door,3,"
    "['door'],[3]\n"
)
EPIC_VALIDATION = EPIC + (
    "P02_01_0,P02,P02_01,00:00:01.000,00:00:01.00,00:00:02.00,60,120,pull light,pull,3,light,114,"
    "['light'],[114]\n"
)


@pytest.fixture
def epic(write):
    """EPIC-Kitchens with the folders of its download; ``target`` chooses labels."""

    def _epic(**keys):
        videos = [f"EPIC/{name[:3]}/videos/{name}.MP4" for name in ("P01_01", "P01_02", "P02_01")]
        files = {"train": "EPIC_100_train.csv", "validation": "EPIC_100_validation.csv"}
        settings = {"videos": "EPIC", "annotations": {"file": files, **keys}}
        folder = write(
            **{files["train"]: EPIC_TRAIN, files["validation"]: EPIC_VALIDATION},
            **dict.fromkeys(videos, ""),
            **{"set.yaml": settings},
            **{"classes/EPIC_100_verb_classes.csv": "id,key,instances,category\n"
               "3,open,\"['open', 'pull']\",access\n6,turn-on,['turn-on'],access\n",
               "classes/EPIC_100_noun_classes.csv": "id,key,instances,category\n"
               "3,door,['door'],x\n114,light,['light'],x\n"},
        )  # fmt: skip
        return load_dataset(folder / "set.yaml")

    return _epic


def test_epic_kitchens_verbs_are_united_by_their_class(epic):
    dataset = epic(target="verb")
    assert dataset.labels == ("background", "open", "turn-on")
    assert shown(dataset)["P01_01"] == [
        Segment(0.14, 3.37, "open"),
        Segment(2.37, 6.17, "turn-on"),
        Segment(62.0, 63.5, "open"),
    ]
    assert [video.name for video in dataset.of("validation")] == ["P02_01"]
    assert dataset.multi_label


def test_epic_kitchens_actions_are_pairs_called_as_in_the_files_of_classes(epic):
    dataset = epic(target="action", classes="classes")
    assert dataset.labels == ("background", "open door", "open light", "turn-on light")
    assert any("'open light' is never seen in training" in line for line in dataset.warnings)


def test_epic_kitchens_nouns_may_be_called_as_in_one_file(epic):
    dataset = epic(target="noun", classes="classes/EPIC_100_noun_classes.csv")
    assert dataset.labels == ("background", "door", "light")


CHARADES = (
    "id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length\n"
    '46GP8,HR43,Kitchen,6,7,Yes,"A person cooks.\nThen they eat.",food,"A person, cooking",'
    "c092 11.90 21.20;c147 0.00 12.60,30.96\n"
    "N11GT,0KZ7,Stairs,7,6,Yes,A person walks.,shoe,A person walks,,31.00\n"
)


def test_charades_is_read_with_and_without_its_classes(write):
    settings = {"videos": "Charades_v1", "annotations": {"file": {"train": "train.csv"}}}
    folder = write(
        **{"train.csv": CHARADES, "set.yaml": settings},
        **{"Charades_v1/46GP8.mp4": "", "Charades_v1/N11GT.mp4": ""},
        **{"classes.txt": "c092 Watching a laptop\nc147 Someone is cooking something\n"},
    )
    dataset = load_dataset(folder / "set.yaml")
    assert dataset.labels == ("background", "c092", "c147")
    assert dataset.multi_label
    assert shown(dataset)["46GP8"] == [Segment(0.0, 12.6, "c147"), Segment(11.9, 21.2, "c092")]
    assert shown(dataset)["N11GT"] == []
    settings["annotations"]["classes"] = "classes.txt"
    write(**{"set.yaml": settings})
    dataset = load_dataset(folder / "set.yaml")
    assert dataset.labels[1:] == ("Watching a laptop", "Someone is cooking something")


@pytest.fixture
def lstr(tmp_path, write):
    """Two data sets in one ``data_info.json``, arrays of one of them; returns the folder."""
    labels = ["Background", "Diving", "CliffDiving", "Ambiguous"]
    info = {"class_names": labels, "num_classes": 4, "ignore_index": 3, "fps": 4, "metrics": "AP"}
    sessions = {"train_session_set": ["video_1", "video_2"], "test_session_set": ["video_3"]}
    write(**{"data_info.json": {"THUMOS": info | sessions, "TVSeries": info | sessions}})
    generator = np.random.default_rng(0)
    for name in ("video_1", "video_2", "video_3"):
        targets = np.zeros((12, 4), np.float32)
        targets[[0, 1, 5, 11], 0] = 1
        targets[2:5, 1] = 1
        targets[3:5, 2] = 1
        targets[6:8, 3] = 1
        targets[8:11, 2] = 1
        for folder, array in (
            ("rgb", generator.normal(size=(12, 6))),
            ("target_perframe", targets),
        ):
            (tmp_path / "THUMOS" / folder).mkdir(parents=True, exist_ok=True)
            np.save(tmp_path / "THUMOS" / folder / f"{name}.npy", array.astype(np.float32))
    write(**{"set.yaml": {"annotations": {"file": "data_info.json", "dataset": "THUMOS"}}})
    return tmp_path


def test_the_lstr_layout_gives_arrays_their_labels_and_ignored_frames(lstr):
    dataset = load_dataset(lstr / "set.yaml")
    assert dataset.labels == ("Background", "Diving", "CliffDiving")
    assert not dataset.multi_label
    assert [video.name for video in dataset.of("test")] == ["video_3"]
    assert len(dataset.of("validation")) == 1
    video = dataset.of("test")[0]
    assert video.path is None
    assert video.segments == (
        Segment(0.5, 1.25, "Diving"), Segment(0.75, 1.25, "CliffDiving"),
        Segment(2.0, 2.75, "CliffDiving"),
    )  # fmt: skip
    assert video.ignored == (Segment(1.5, 2.0, "Ambiguous"),)
    encoded = read_arrays(video, dataset.labels)
    assert encoded.features.shape == (12, 1, 6)
    assert isinstance(encoded.features.base, np.memmap) or isinstance(encoded.features, np.memmap)
    assert encoded.seconds[:3].tolist() == [0.0, 0.25, 0.5]
    assert encoded.targets.argmax(1).tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 2, 2, 2, 0]
    assert encoded.targets[4].tolist() == [0, 1, 1]
    assert np.flatnonzero(encoded.ignore).tolist() == [6, 7]


def test_the_lstr_layout_of_one_data_set_is_read_from_its_folder(lstr):
    info = json.loads((lstr / "data_info.json").read_text())["THUMOS"]
    (lstr / "THUMOS" / "data_info.json").write_text(json.dumps(info))
    assert len(load_dataset(lstr / "THUMOS").videos) == 3


def test_the_frame_rate_of_arrays_may_be_given(lstr):
    settings = {"file": "data_info.json", "dataset": "THUMOS", "frame_rate": 24}
    (lstr / "set.yaml").write_text(yaml.safe_dump({"annotations": settings}))
    video = load_dataset(lstr / "set.yaml").videos[0]
    assert video.frame_rate == 24
    assert video.segments[0].start == pytest.approx(2 / 24)
