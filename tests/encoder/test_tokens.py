import pytest
import torch

from vidcache.encoder import TokenLayout
from vidcache.errors import InputError


@pytest.mark.parametrize(
    ("num_tokens", "has_pooled", "grid"),
    [(1, True, 0), (2, True, 1), (4, False, 2), (5, True, 2), (9, False, 3), (17, True, 4)],
)
def test_the_number_of_tokens_says_which_they_are(
    num_tokens: int, has_pooled: bool, grid: int
) -> None:
    layout = TokenLayout.from_num_tokens(num_tokens)
    assert layout == TokenLayout(has_pooled, grid)
    assert layout.num_tokens == num_tokens


@pytest.mark.parametrize("num_tokens", [-1, 0, 3, 6, 7, 8, 11])
def test_other_numbers_are_refused(num_tokens: int) -> None:
    with pytest.raises(InputError, match="1 \\+ g\\*g"):
        TokenLayout.from_num_tokens(num_tokens)


def test_regions_smaller_than_a_patch_are_refused() -> None:
    layout = TokenLayout.from_num_tokens(17)
    layout.check_fits((4, 9))
    with pytest.raises(InputError, match="3 x 9 patches"):
        layout.check_fits((3, 9))


@pytest.mark.parametrize("patch_grid", [(4, 4), (8, 4), (5, 7)])
def test_a_region_is_the_mean_of_its_patches(patch_grid: tuple[int, int]) -> None:
    rows, columns = patch_grid
    patches = torch.randn(2, rows * columns, 3, dtype=torch.float64)
    regions = TokenLayout.from_num_tokens(16).pool_regions(patches, patch_grid)
    image = patches.view(2, rows, columns, 3)
    for row in range(4):
        for column in range(4):
            top, bottom = row * rows // 4, -((row + 1) * rows // -4)
            left, right = column * columns // 4, -((column + 1) * columns // -4)
            expected = image[:, top:bottom, left:right].mean(dim=(1, 2))
            torch.testing.assert_close(regions[:, row * 4 + column], expected)
