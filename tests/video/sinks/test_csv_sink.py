import csv

from sink_input import feed, make_result, make_track

from vidcache.video import CsvSink


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_is_one_object_and_an_empty_frame_has_a_row_too(tmp_path):
    path = tmp_path / "camera.csv"
    feed(
        CsvSink(path),
        [
            make_result(0, objects=(make_track(1), make_track(2))),
            make_result(1, action="unsure", flags=("tainted", "after_gap"), time=1.7e9, session=3),
        ],
    )
    found = rows(path)
    assert [row["frame"] for row in found] == ["0", "0", "1"]
    assert found[1] == {
        **{"frame": "0", "pts": "0.0", "time": "", "action": "walk", "action_score": "0.9"},
        **{"session": "0", "id": "2", "label": "person", "score": "0.75"},
        **{
            "x1": "2.0",
            "y1": "4.0",
            "x2": "12.5",
            "y2": "24.0",
        },
        **{"object_action": "", "object_action_score": "", "flags": ""},
    }
    assert found[2]["flags"] == "tainted|after_gap"
    assert (found[2]["action"], found[2]["session"]) == ("unsure", "3")
    assert float(found[2]["time"]) == 1.7e9
    assert [found[2][name] for name in ("id", "label", "score", "x1", "y2")] == [""] * 5


def test_a_label_with_commas_and_quotes_comes_back(tmp_path):
    path = tmp_path / "camera.csv"
    label = 'a "big", tänzelnder\nhorse'
    feed(CsvSink(path), [make_result(0, objects=(make_track(1, label),), actions=())])
    (row,) = rows(path)
    assert row["label"] == label
    assert row["action_score"] == ""


def test_every_row_is_there_as_soon_as_it_is_written(tmp_path):
    path = tmp_path / "camera.csv"
    with CsvSink(path) as sink:
        sink.open({})
        for index in range(3):
            sink.write(None, make_result(index))
            assert len(rows(path)) == index + 1
