import numpy as np
import pytest

from vidcache.errors import InputError
from vidcache.training.evaluation.tracked_boxes import TrackedBoxes, read_mot_truth, read_tracks
from vidcache.training.evaluation.tracks import track_quality

BOX = (10.0, 20.0, 30.0, 60.0)
ELSEWHERE = (200.0, 20.0, 220.0, 60.0)


def boxes(*rows):
    """Rows of frame, number, box, and whether it is a distractor."""
    frames, ids, corners, distractor = zip(*[(*row, False)[:4] for row in rows], strict=True)
    masks = ~np.array(distractor, dtype=bool), np.array(distractor, dtype=bool)
    return TrackedBoxes(np.array(frames), np.array(ids), np.array(corners), *masks)


NOTHING = TrackedBoxes(
    np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 4)), *np.empty((2, 0), bool)
)


def test_the_truth_itself_is_perfect():
    truth = boxes(*[(frame, 7, BOX) for frame in (1, 2, 5)], (2, 9, ELSEWHERE))
    quality = track_quality([truth], [truth])
    assert (quality.hota, quality.mota, quality.motp, quality.idf1) == pytest.approx((1, 1, 1, 1))
    assert (quality.num_boxes, quality.num_objects, quality.num_frames) == (4, 2, 5)


def test_a_number_that_changes_halfway_costs_association():
    truth = boxes(*[(frame, 1, BOX) for frame in range(1, 5)])
    tracks = boxes(*[(frame, 1 if frame < 3 else 2, BOX) for frame in range(1, 5)])
    quality = track_quality([truth], [tracks])
    # Each found box shares its number with 2 of the 4 true boxes and of none besides: 2 / 4.
    assert quality.association == pytest.approx(0.5)
    assert quality.detection == pytest.approx(1.0)
    assert quality.hota == pytest.approx(0.5**0.5)
    assert quality.mota == pytest.approx(1 - 1 / 4)
    assert quality.idf1 == pytest.approx(0.5)
    assert (quality.num_switches, quality.num_tracks) == (1, 2)


def test_a_missed_and_a_wrong_box():
    truth = boxes((1, 1, BOX), (2, 1, BOX))
    tracks = boxes((1, 1, BOX), (2, 2, ELSEWHERE))
    quality = track_quality([truth], [tracks])
    assert quality.detection == pytest.approx(1 / 3)
    assert quality.association == pytest.approx(1 / 2)
    assert quality.hota == pytest.approx((1 / 6) ** 0.5)
    assert quality.mota == pytest.approx(1 - 2 / 2)
    assert quality.idf1 == pytest.approx(2 / (2 + 1 + 1))
    assert (quality.num_missed, quality.num_wrong) == (1, 1)


def test_a_loose_box_is_found_at_small_overlaps_only():
    left, top, right, bottom = BOX
    loose = boxes((1, 1, (left, top, right, top + 0.625 * (bottom - top))))
    quality = track_quality([boxes((1, 1, BOX))], [loose])
    # Overlaps of .05 to .60 in steps of .05, of those up to .95.
    assert quality.hota == pytest.approx(12 / 19)
    assert (quality.mota, quality.motp) == pytest.approx((1, 0.625))
    assert track_quality([boxes((1, 1, BOX))], [loose], overlap=0.7).mota == pytest.approx(-1.0)


def test_counts_of_videos_are_added():
    truth = boxes(*[(frame, 1, BOX) for frame in range(1, 4)])
    quality = track_quality([truth, truth], [truth, NOTHING])
    assert quality.mota == pytest.approx(0.5)
    assert quality.idf1 == pytest.approx(2 / 3)
    assert quality.detection == pytest.approx(0.5)
    assert (quality.num_boxes, quality.num_missed) == (6, 3)


def test_what_is_tracked_on_a_distractor_does_not_count():
    truth = boxes((1, 1, BOX), (1, 2, ELSEWHERE, True))
    perfect = track_quality([truth], [boxes((1, 5, BOX), (1, 6, ELSEWHERE))])
    assert (perfect.hota, perfect.mota, perfect.num_wrong) == pytest.approx((1, 1, 0))
    # A distractor need not be found.
    assert track_quality([truth], [boxes((1, 5, BOX))]).mota == pytest.approx(1.0)


def test_nothing_tracked_is_nothing():
    quality = track_quality([boxes((1, 1, BOX))], [NOTHING])
    assert (quality.hota, quality.mota, quality.idf1) == (0, 0, 0)
    assert quality.num_missed == 1


def test_what_cannot_be_judged_is_refused():
    truth = boxes((1, 1, BOX))
    with pytest.raises(InputError, match="truth of 1 videos and tracks of 0"):
        track_quality([truth], [])
    with pytest.raises(InputError, match="overlap is 0"):
        track_quality([truth], [truth], overlap=0)
    with pytest.raises(InputError, match="no box that counts"):
        track_quality([NOTHING], [truth])


def test_ground_truth_of_the_challenge_is_read_with_its_classes(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_text(
        "1,1,10,20,20,40,1,1,0.9\n"
        "1,2,10,20,20,40,0,1,0.9\n"  # not considered
        "1,3,50,20,20,40,1,3,1\n"  # a car
        "2,4,60,20,20,40,0,7,1\n"  # a person who stands behind glass
        "\n2, 1, 12, 20, 20, 40, 1, -1, -1, -1\n3,1,1,2,3,4\n"
    )
    truth = read_mot_truth(path)
    assert truth.frames.tolist() == [1, 1, 1, 2, 2, 3]
    assert truth.ids.tolist() == [1, 2, 3, 4, 1, 1]
    assert truth.counted.tolist() == [True, False, False, False, True, True]
    assert truth.distractor.tolist() == [False, False, False, True, False, False]
    assert truth.boxes_xyxy[0].tolist() == [10, 20, 30, 60]


def test_mot_text_of_a_tracker_is_read_without_unconfirmed_boxes(tmp_path):
    path = tmp_path / "tracks.txt"
    path.write_text("1,1,10,20,20,40,0.25,-1,-1,-1\n1,-1,10,20,20,40,0.5,-1,-1,-1\n")
    assert read_tracks(path).ids.tolist() == [1]
    path.write_text("")
    assert len(read_tracks(path).ids) == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1,1,2,3,4\n", "line 1: expected frame,id,left"),
        ("1,1,2,3,4,5\n0,1,2,3,4,5\n", "line 2: expected .* from 1"),
        ("1,one,2,3,4,5\n", "line 1: could not convert"),
        ("1,1,2,3,4,5\n1,1,2,3,4,6\n", "object 1 has 2 boxes in frame 1"),
    ],
)
def test_a_line_that_is_no_box_is_named(tmp_path, text, complaint):
    path = tmp_path / "gt.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_mot_truth(path)


def test_a_missing_file_and_a_label_of_mot_text_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_mot_truth(tmp_path / "none.txt")
    with pytest.raises(InputError, match="cannot read"):
        read_tracks(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="no labels: leave 'person' out"):
        read_tracks(tmp_path / "none.txt", "person")


def test_files_are_judged_as_the_challenge_judges_them(tmp_path):
    evaluate_mot_sequence = pytest.importorskip("trackers.eval").evaluate_mot_sequence
    rng = np.random.default_rng(0)
    truth, tracks = [], []
    for number in range(1, 12):
        place, kind, name = rng.uniform(0, 200, 2), rng.choice([1, 1, 1, 3, 7, 12]), number
        for frame in range(rng.integers(1, 20), rng.integers(25, 40)):
            place = place + rng.normal(size=2)
            name += 100 * (rng.random() < 0.05)
            truth.append((frame, number, *place, 40, 90, int(rng.random() < 0.9), kind, 1))
            tracks.append((frame, name, *(place + 6 * rng.normal(size=2)), 40, 90, 0.5, -1, -1, -1))
    paths = tmp_path / "gt.txt", tmp_path / "tracks.txt"
    for path, rows in zip(paths, (truth, tracks), strict=True):
        path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    expected = evaluate_mot_sequence(*paths, ["CLEAR", "HOTA", "Identity"])
    quality = track_quality([read_mot_truth(paths[0])], [read_tracks(paths[1])])
    assert quality.hota == pytest.approx(expected.HOTA.HOTA)
    assert quality.mota == pytest.approx(expected.CLEAR.MOTA)
    assert quality.idf1 == pytest.approx(expected.Identity.IDF1)
    assert quality.num_wrong == expected.CLEAR.CLR_FP
    assert quality.num_switches == expected.CLEAR.IDSW > 0
