from sink_input import feed, make_result, make_track

from vidcache.video import MotSink


def lines(path):
    return [line.split(",") for line in path.read_text().splitlines()]


def test_a_line_is_one_object_in_the_columns_of_the_challenge(tmp_path):
    path = tmp_path / "camera.mot.txt"
    feed(MotSink(path), [make_result(0, objects=(make_track(3), make_track(4, left=30.25)))])
    assert path.read_text() == (
        "1,3,2.00,4.00,10.50,20.00,0.7500,-1,-1,-1\n1,4,30.25,4.00,10.50,20.00,0.7500,-1,-1,-1\n"
    )


def test_frames_without_objects_have_no_line_and_left_out_frames_leave_a_hole(tmp_path):
    path = tmp_path / "camera.mot.txt"
    one = (make_track(1),)
    feed(MotSink(path), [make_result(0, objects=one), make_result(1), make_result(9, objects=one)])
    assert [line[0] for line in lines(path)] == ["1", "10"]


def test_ids_are_unique_over_sessions(tmp_path):
    path = tmp_path / "camera.mot.txt"
    sessions = [(0, (1, 2)), (0, (2, 5)), (1, (1,)), (1, (2, 1)), (2, (1,))]
    feed(
        MotSink(path),
        [
            make_result(index, session=session, objects=tuple(map(make_track, numbers)))
            for index, (session, numbers) in enumerate(sessions)
        ],
    )
    assert [line[1] for line in lines(path)] == ["1", "2", "2", "5", "6", "7", "6", "8"]
