import numpy as np
import pytest
import torch

from vidcache.encoder import FrameEncoder
from vidcache.encoder.box_regions import pool_boxes
from vidcache.encoder.preprocessing import Preprocessing

PATCHES = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))


def pooled(*boxes):
    return pool_boxes(PATCHES, torch.tensor(boxes, dtype=torch.float64), (30, 40))


def test_a_box_is_the_mean_of_its_patches_by_area() -> None:
    (whole, one, part) = pooled((0, 0, 40, 30), (10, 20, 20, 30), (5, 0, 20, 10))
    torch.testing.assert_close(whole, PATCHES.mean((0, 1)))
    torch.testing.assert_close(one, PATCHES[2, 1])
    torch.testing.assert_close(part, (PATCHES[0, 0] + 2 * PATCHES[0, 1]) / 3)


def test_a_box_that_covers_nothing_gets_the_nearest_patch() -> None:
    outside, empty = pooled((60, 5, 70, 9), (25, 15, 25, 15))
    torch.testing.assert_close(outside, PATCHES[0, 3])
    torch.testing.assert_close(empty, PATCHES[1, 2])


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(60, 100), (101, 47), (32, 48)])
def test_boxes_go_where_their_pixels_go(fit, size) -> None:
    picture = np.zeros((*size, 3), np.uint8)
    top, left = size[0] // 2 - 8, size[1] // 2 - 4
    picture[top : top + 12, left : left + 16] = 255
    prepare = Preprocessing((32, 48), fit, (0.0,) * 3, (1.0,) * 3, "bilinear", crop_pct=0.9)
    lit = prepare([picture])[0].mean(0) > 0.5
    rows, columns = (lit.any(dim=axis).nonzero()[:, 0] for axis in (1, 0))
    seen = [int(edge) for edge in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]
    (box,) = prepare.place_boxes(np.array([[left, top, left + 16, top + 12]]), size)
    assert np.abs(box - seen).max() <= 1.0


@pytest.mark.parametrize("name", ["test_vit", "test_vit2"])
def test_the_whole_picture_is_the_single_region_of_a_frame(name) -> None:
    pytest.importorskip("timm", reason="needs the extra 'run'")
    torch.manual_seed(0)
    encoder = FrameEncoder(name, None, image_size=64, num_tokens=2, precision="fp32", fit="stretch")
    picture = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    regions = encoder.regions(picture, np.array([[0, 0, 120, 90], [0, 0, 60, 45]]))
    assert regions.shape == (2, encoder.num_features)
    torch.testing.assert_close(regions[0], encoder([picture])[0, 1], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(regions[0], regions[1])
