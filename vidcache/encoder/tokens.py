"""How many tokens a frame becomes, and which."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from vidcache.errors import InputError

__all__ = ["TokenLayout"]


@dataclass(frozen=True)
class TokenLayout:
    """The tokens of one frame, in order: the pooled one if there is one, then the regions.

    Attributes:
        has_pooled: Whether the first token is the model's own summary of the picture.
        grid: Regions a side: ``grid`` x ``grid`` region tokens follow, row by row, each the mean
            of the patches under it. 0 for none.
    """

    has_pooled: bool
    grid: int

    @classmethod
    def from_num_tokens(cls, num_tokens: int) -> "TokenLayout":
        """Reads the layout off the number of tokens.

        =========== ==================================================================
        num_tokens  tokens
        =========== ==================================================================
        1           the pooled token
        1 + g * g   the pooled token, then g x g region tokens (2, 5, 10, 17, …)
        g * g       g x g region tokens alone, g at least 2 (4, 9, 16, …)
        =========== ==================================================================

        Args:
            num_tokens: Tokens of a frame.

        Returns:
            The layout; no number stands for two of them.

        Raises:
            InputError: The number is none of these.

        Example:
            >>> from vidcache.encoder import TokenLayout
            >>> TokenLayout.from_num_tokens(17)
            TokenLayout(has_pooled=True, grid=4)
        """
        if num_tokens >= 1:
            side = math.isqrt(num_tokens)
            if num_tokens > 1 and side * side == num_tokens:
                return cls(has_pooled=False, grid=side)
            side = math.isqrt(num_tokens - 1)
            if side * side == num_tokens - 1:
                return cls(has_pooled=True, grid=side)
        raise InputError(
            f"num_tokens is {num_tokens}, but must be 1 (pooled), 1 + g*g (pooled and a grid of "
            "regions: 2, 5, 10, 17, …) or g*g (the grid alone: 4, 9, 16, …)"
        )

    @property
    def num_tokens(self) -> int:
        """Tokens of a frame."""
        return int(self.has_pooled) + self.grid * self.grid

    def check_fits(self, patch_grid: tuple[int, int]) -> None:
        """Refuses regions that would be smaller than a patch.

        Args:
            patch_grid: Rows and columns of patches of the encoder.

        Raises:
            InputError: A side of the patch grid is shorter than that of the regions.
        """
        if self.grid > min(patch_grid):
            raise InputError(
                f"num_tokens={self.num_tokens} asks for {self.grid} x {self.grid} regions, but "
                f"the picture has only {patch_grid[0]} x {patch_grid[1]} patches: use fewer "
                "tokens or a larger image_size"
            )

    def pool_regions(self, patches: torch.Tensor, patch_grid: tuple[int, int]) -> torch.Tensor:
        """Averages patches into the regions.

        Args:
            patches: The patch tokens, row by row, shape (B, rows * columns, C).
            patch_grid: Their rows and columns. Where the regions do not divide them, neighbouring
                regions share a row or a column of patches.

        Returns:
            Shape (B, grid * grid, C).
        """
        rows, columns = patch_grid
        if (rows, columns) == (self.grid, self.grid):
            return patches
        batch_size, _, width = patches.shape
        if rows % self.grid == 0 and columns % self.grid == 0:
            blocks = patches.reshape(
                batch_size, self.grid, rows // self.grid, self.grid, columns // self.grid, width
            )
            return blocks.mean(dim=(2, 4)).flatten(1, 2)
        image = patches.transpose(1, 2).reshape(batch_size, width, rows, columns)
        return functional.adaptive_avg_pool2d(image, self.grid).flatten(2).transpose(1, 2)
