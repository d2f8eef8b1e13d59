import json

import pytest
from sink_input import feed, make_result, make_track

from vidcache.video import JsonlSink, MotSink


@pytest.fixture
def files(tmp_path):
    """The same two sessions as JSON lines and as MOT text."""
    results = [
        make_result(index, session=session, objects=(make_track(number), make_track(9, left=200.0)))
        for index, (session, number) in enumerate([(0, 1), (0, 1), (1, 1), (1, 1)])
    ]
    jsonl, mot = tmp_path / "camera.jsonl", tmp_path / "camera.txt"
    feed(JsonlSink(jsonl), results)
    feed(MotSink(mot), results)
    return jsonl, mot


def test_eval_tracks_says_the_same_of_json_lines_and_of_mot_text(call, files, tmp_path):
    # As truth, an object of another session is another object: both files are perfect.
    for path in files:
        code, out, err = call("eval-tracks", path, "--truth", files[1])
        assert (code, err) == (0, "")
        header, row = out.splitlines()
        assert header.split() == [
            "video", "HOTA", "DetA", "AssA", "MOTA", "IDF1", "switches", "missed", "wrong", "boxes"
        ]  # fmt: skip
        assert row.split() == [path.name, *["1.000"] * 5, "0", "0", "0", "8"]


def test_eval_tracks_takes_several_videos_and_writes_json(call, files, tmp_path):
    truth = tmp_path / "gt.txt"
    truth.write_text(files[1].read_text().splitlines()[0])
    out = tmp_path / "tracks.json"
    code, text, err = call(
        "eval-tracks", *files, "--truth", files[1], "--truth", truth, "--out", out
    )
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()[1:]] == [
        "camera.jsonl",
        "camera.txt",
        "all",
    ]
    result = json.loads(out.read_text())
    assert result["videos"][str(files[0])]["hota"] == pytest.approx(1.0)
    assert result["all"]["num_boxes"] == 9
    assert result["all"]["num_wrong"] == 7
    assert f"wrote {out}" in err


def test_eval_tracks_can_look_at_one_label_only(call, files):
    code, out, _ = call("eval-tracks", files[0], "--truth", files[1], "--label", "car")
    assert code == 0
    assert out.splitlines()[1].split()[-2:] == ["0", "8"]


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (["--truth", "gt.txt", "--truth", "gt.txt"], 2, "1 RESULTS and 2 --truth"),
        (["--truth", "gt.txt", "--overlap", "0"], 2, "--overlap is 0"),
        (["--truth", "gt.txt"], 1, "cannot read 'gt.txt'"),
    ],
)
def test_eval_tracks_says_what_is_wrong(call, files, options, code, complaint):
    failed, out, err = call("eval-tracks", files[0], *options)
    assert (failed, out) == (code, "")
    assert complaint in err
