import re
import zipfile

import pytest

from vidcache.tracking import (
    UltralyticsDetector,
    UltralyticsTracker,
    bundled_detector,
    bundled_pose_model,
)

BOTH = pytest.mark.parametrize("bundled", [bundled_detector, bundled_pose_model])


@BOTH
def test_it_is_small_and_has_a_model_card(bundled):
    path = bundled()
    assert path.stat().st_size <= 8e6
    assert path.with_suffix(".md").read_text().startswith(f"# {path.stem}")


@BOTH
def test_it_says_nothing_of_the_machine_that_it_was_made_on(bundled):
    with zipfile.ZipFile(bundled()) as archive:
        pickled = next(archive.read(n) for n in archive.namelist() if n.endswith("data.pkl"))
    assert not re.findall(rb"(?:/[a-z]+){2,}/", pickled)


def test_it_knows_people_and_only_people():
    detector = UltralyticsDetector("bundled")
    assert detector.labels == ("person",)
    assert detector.description == "the bundled person detector person_yolo26n.pt"


def test_it_finds_the_pedestrians_of_frames_that_it_was_not_trained_on(assets):
    av = pytest.importorskip("av")
    detector = UltralyticsDetector("bundled", confidence=0.25)
    counts = []
    with av.open(str(assets / "videos" / "pedestrians_cctv.mp4")) as video:
        for index, frame in enumerate(video.decode(video=0)):
            if index in {640, 700, 760}:
                counts.append(len(detector.detect(frame.to_ndarray(format="rgb24"))))
    assert all(4 <= count <= 14 for count in counts), counts


def test_it_follows_pedestrians_under_steady_numbers(assets):
    av = pytest.importorskip("av")
    tracker = UltralyticsTracker("bundled")
    lengths = {}
    with av.open(str(assets / "videos" / "pedestrians_cctv.mp4")) as video:
        for index, frame in enumerate(video.decode(video=0)):
            if index >= 60:
                break
            for track in tracker.update(frame.to_ndarray(format="rgb24")):
                lengths[track.id] = lengths.get(track.id, 0) + 1
    assert sum(length >= 30 for length in lengths.values()) >= 3, lengths


def test_the_pose_model_sees_how_pedestrians_stand(assets):
    av = pytest.importorskip("av")
    detector = UltralyticsDetector("bundled-pose", confidence=0.4)
    assert detector.has_keypoints
    assert detector.description == "the bundled person pose model person_pose_yolo26n.pt"
    with av.open(str(assets / "videos" / "pedestrians_cctv.mp4")) as video:
        for index, frame in enumerate(video.decode(video=0)):
            if index == 640:
                image = frame.to_ndarray(format="rgb24")
                break
    (seen,) = detector.observe([image])
    assert len(seen.rows) >= 4
    head, hips, ankles = (
        seen.keypoints[:, part, 1].mean(axis=1) for part in ([0], [11, 12], [15, 16])
    )
    height = seen.rows[:, 3] - seen.rows[:, 1]
    assert (hips - head > 0.2 * height).all()
    assert (ankles - hips > 0.2 * height).all()
