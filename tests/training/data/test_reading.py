import pytest

from vidcache.errors import InputError
from vidcache.training.data import Segment, load_dataset

CLIPS = [f"{label}{n}.mp4" for label in ("walk", "wave") for n in range(5)]
ROWS = "\n".join(f"{name[:-4]},0,1,{name[:4]}" for name in CLIPS)


def splits_of(dataset):
    return {split: {v.name for v in dataset.of(split)} for split in ("train", "validation", "test")}


def test_two_lines_are_a_data_set(make_set):
    path = make_set(CLIPS, ROWS)
    assert path.read_text() == "videos: clips\nannotations: labels.csv\n"
    dataset = load_dataset(path)
    assert dataset.path == path
    assert dataset.labels == ("background", "walk", "wave")
    assert dataset.videos[0].path == path.parent / "clips" / "walk0.mp4"
    assert dataset.warnings == ()


def test_one_line_is_a_data_set_where_folders_are_labels(tmp_path):
    for name in CLIPS:
        (tmp_path / "clips" / name[:4]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "clips" / name[:4] / name).write_bytes(b"")
    (tmp_path / "set.yaml").write_text("videos: clips\n")
    dataset = load_dataset(tmp_path / "set.yaml")
    assert dataset.labels == ("background", "walk", "wave")
    assert len(dataset.videos) == 10


def test_labels_keep_the_order_in_which_they_are_listed(make_set):
    assert load_dataset(make_set(CLIPS, ROWS, labels=["wave", "walk"])).labels == (
        "background", "wave", "walk",
    )  # fmt: skip


def test_labels_may_stand_in_a_file(make_set, tmp_path):
    (tmp_path / "labels.txt").write_text("wave\n\nwalk\n")
    dataset = load_dataset(make_set(CLIPS, ROWS, labels="labels.txt"))
    assert dataset.labels == ("background", "wave", "walk")


def test_any_label_may_be_the_background(make_set):
    rows = ROWS + "\nwalk0,1,2,idle\nwave0,1,2,idle"
    dataset = load_dataset(make_set(CLIPS, rows, background="idle"))
    assert dataset.labels == ("idle", "walk", "wave")
    assert dataset.videos[0].segments == (Segment(0.0, 1.0, "walk"),)


def test_a_label_called_background_is_the_background_however_it_is_written(make_set):
    rows = ROWS + "\nwalk0,1,2,Background"
    assert load_dataset(make_set(CLIPS, rows)).labels == ("Background", "walk", "wave")


def test_ignored_labels_are_no_labels_and_may_overlap_with_others(make_set):
    rows = ROWS + "\nwalk0,0.5,2,unclear\nwave1,0,9,unclear"
    dataset = load_dataset(make_set(CLIPS, rows, ignore="unclear"))
    assert dataset.labels == ("background", "walk", "wave")
    assert dataset.videos[0].ignored == (Segment(0.5, 2.0, "unclear"),)
    assert dataset.videos[0].segments == (Segment(0.0, 1.0, "walk"),)


@pytest.mark.parametrize(("unlisted", "ignored"), [("background", 0), ("ignore", 1)])
def test_labels_that_are_not_listed_are_background_or_ignored_where_that_is_said(
    make_set, unlisted, ignored
):
    rows = ROWS + "\nwalk0,1,2,jump"
    dataset = load_dataset(make_set(CLIPS, rows, labels=["walk", "wave"], unlisted=unlisted))
    assert dataset.labels == ("background", "walk", "wave")
    assert len(dataset.videos[0].ignored) == ignored
    assert len(dataset.videos[0].segments) == 1


def test_segments_may_overlap_where_several_labels_are_allowed(make_set):
    dataset = load_dataset(make_set(CLIPS, ROWS + "\nwalk0,0.5,2,wave", multi_label=True))
    assert dataset.multi_label
    assert dataset.videos[0].segments == (Segment(0.0, 1.0, "walk"), Segment(0.5, 2.0, "wave"))


def test_segments_that_meet_do_not_overlap(make_set):
    assert load_dataset(make_set(CLIPS, ROWS + "\nwalk0,1.0,2,wave")).videos


def test_a_fifth_of_the_videos_is_for_validation_by_default(make_set):
    splits = splits_of(load_dataset(make_set(CLIPS, ROWS)))
    assert len(splits["train"]) == 8
    assert {name[:4] for name in splits["validation"]} == {"walk", "wave"}
    assert not splits["test"]


def test_shares_are_of_all_videos_and_follow_the_seed(make_set):
    found = [
        splits_of(
            load_dataset(
                make_set(CLIPS, ROWS, splits={"validation": 0.2, "test": 0.4, "seed": seed})
            )
        )
        for seed in (0, 0, 1)
    ]
    assert [len(videos) for videos in found[0].values()] == [4, 2, 4]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_no_video_is_held_out_where_the_share_is_nothing(make_set):
    splits = splits_of(load_dataset(make_set(CLIPS, ROWS, splits={"validation": 0})))
    assert len(splits["train"]) == 10


def test_videos_are_listed_by_name_or_in_a_file(make_set, tmp_path):
    (tmp_path / "test.txt").write_text("walk0\nwave0.mp4\n")
    keys = {"validation": ["walk1.mp4", "wave1"], "test": "test.txt"}
    splits = splits_of(load_dataset(make_set(CLIPS, ROWS, splits=keys)))
    assert splits["validation"] == {"walk1", "wave1"}
    assert splits["test"] == {"walk0", "wave0"}
    assert len(splits["train"]) == 6


def test_videos_in_no_list_are_left_out_with_a_warning(make_set):
    keys = {"train": ["walk0", "wave0"], "validation": ["walk1", "wave1"]}
    dataset = load_dataset(make_set(CLIPS, ROWS, splits=keys))
    assert len(dataset.videos) == 4
    assert any("videos in no split are left out (6: " in line for line in dataset.warnings)


def test_a_column_tells_splits_and_what_it_leaves_open_is_for_training(make_set):
    rows = "\n".join(
        f"{row},{'val' if n % 5 == 0 else 'test' if n % 5 == 1 else ''}"
        for n, row in enumerate(ROWS.splitlines())
    )
    dataset = load_dataset(make_set(CLIPS, rows, columns="video,start,end,label,split"))
    assert [len(videos) for videos in splits_of(dataset).values()] == [6, 2, 2]


def test_two_names_of_one_video_are_one_video(make_set):
    dataset = load_dataset(make_set(CLIPS, ROWS + "\nwalk0.mp4,2,3,walk"))
    assert len(dataset.videos) == 10
    assert len(dataset.videos[0].segments) == 2


def test_videos_without_labels_are_left_out_or_show_nothing(make_set):
    dataset = load_dataset(make_set([*CLIPS, "empty.mp4"], ROWS))
    assert len(dataset.videos) == 10
    assert any(
        "videos without any label are left out (1: empty.mp4)" in line for line in dataset.warnings
    )
    keys = {"videos": {"root": "clips", "unlabelled": "background"}}
    dataset = load_dataset(make_set([*CLIPS, "empty.mp4"], ROWS, **keys))
    assert len(dataset.videos) == 11
    assert dataset.videos[0].name == "empty.mp4"
    assert dataset.videos[0].segments == ()


def test_videos_of_one_name_in_two_folders_stay_apart(make_set):
    clips = [*CLIPS, "one/x.mp4", "two/x.mp4", "two/y.mp4"]
    keys = {"videos": {"root": ["clips", "clips/two"], "unlabelled": "background"}}
    dataset = load_dataset(make_set(clips, ROWS + "\ny,0,1,walk", **keys))
    names = [video.name for video in dataset.videos]
    assert len(names) == len(set(names)) == 13
    assert {"one/x.mp4", "two/x.mp4", "y"} <= set(names)


def test_what_is_odd_is_a_warning(make_set):
    rows = ROWS + "\nwalk0,0.5,2,walk\nwave0,3,4,jump"
    warnings = load_dataset(make_set(CLIPS, rows, ignore=["unclear"])).warnings
    assert [line.split(": ", 1)[1] for line in warnings] == [
        "nothing shows 'unclear'; expected one of: walk, wave, jump",
        "'walk' from 0.5 to 2 s overlaps with 'walk' from 0 to 1 s (line 2): is it one segment?",
        "only one video shows 'jump': what is learned of it cannot be checked",
    ]


def test_many_alike_warnings_are_a_few_lines(make_set):
    rows = ROWS + "\n" + "\n".join(f"walk0,{n},{n + 0.5},rare{n}" for n in range(2, 9))
    warnings = load_dataset(make_set(CLIPS, rows)).warnings
    assert len(warnings) == 3
    assert warnings[-1].endswith("(and 4 more like it)")


def test_an_unknown_split_is_refused(make_set):
    with pytest.raises(InputError, match="expected one of train, validation, test"):
        load_dataset(make_set(CLIPS, ROWS)).of("val")
