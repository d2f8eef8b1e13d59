import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("av")

from person_detector_figures import OUTSIDE, PLACED, SEEN, figures_of, join
from person_detector_pictures import PictureWriter
from person_detector_scenes import Scenes, collate
from person_render_keypoints import keypoints_of

from vidcache.training.synthetic.skeleton import KEYPOINTS
from vidcache.training.synthetic.stream import FigureView

LEFT_SHOULDER, RIGHT_SHOULDER = 5, 6


def person(x=10, y=10):
    """A person whose every keypoint is the middle of the box."""
    return figures_of([[x, y, x + 20, y + 40]], [[[x + 10, y + 20, SEEN]] * 17])


def test_a_mirrored_person_has_its_left_shoulder_where_the_right_one_was():
    figures = person()
    figures.keypoints[0, LEFT_SHOULDER, 0] = 12
    figures.keypoints[0, RIGHT_SHOULDER, 0] = 28
    mirrored = figures.mirrored(100)
    assert mirrored.keypoints[0, RIGHT_SHOULDER, 0] == 88
    assert mirrored.keypoints[0, LEFT_SHOULDER, 0] == 72
    assert mirrored.boxes.tolist() == [[70, 10, 90, 50]]


def test_keypoints_beyond_the_edge_are_known_to_be_outside():
    moved = person(0, 0).moved(np.eye(2), np.array([-8.0, 0.0]), (50, 50))
    assert moved.boxes.tolist() == [[0, 0, 12, 40]]
    assert (moved.keypoints[..., 2] == SEEN).all()
    gone = person(0, 0).moved(np.eye(2), np.array([-11.0, 0.0]), (50, 50))
    assert (gone.keypoints[..., 2] == OUTSIDE).all()


def test_something_before_a_person_leaves_its_keypoints_doubtful():
    both = join([person(), person(60, 60)]).behind(0, 0, 40, 40)
    assert both.keypoints[:, 0, 2].tolist() == [PLACED, SEEN]


def test_the_keypoints_of_a_render_are_those_of_its_figure():
    places = np.stack([np.arange(18.0), np.arange(18.0) * 2], axis=1)
    figure = FigureView(1, "walk", (0, 0, 40, 40), 1.0, places)
    keypoints = keypoints_of([figure], (40, 40))[0]
    assert keypoints[LEFT_SHOULDER].tolist() == [
        *places[KEYPOINTS.index("left_shoulder")].tolist(),
        SEEN,
    ]
    assert not keypoints[:5].any()  # it has no face


def test_scenes_carry_keypoints_with_the_people_that_they_show(tmp_path):
    writer = PictureWriter(tmp_path, "part")
    image = np.full((120, 120, 3), 90, np.uint8)
    writer.add("real", "a", image, person(40, 40).boxes, person(40, 40).keypoints)
    cutout = np.full((60, 30, 4), 255, np.uint8)
    writer.add("cutout", "b", cutout, [], np.float32([[[15, 30, SEEN]] * 17]))
    writer.close()
    batch = collate([Scenes(tmp_path, 96, 0, 20)[index] for index in range(20)])
    assert batch["img"].shape == (20, 3, 96, 96)
    assert len(batch["keypoints"]) == len(batch["bboxes"]) > 20
    inside = batch["keypoints"][..., 2] == SEEN
    middles = batch["bboxes"][:, None, :2].expand(-1, 17, -1)
    away = (batch["keypoints"][..., :2] - middles).abs()[inside]
    # Boxes that the edge cut have other middles than their people.
    assert away.median() < 0.02
