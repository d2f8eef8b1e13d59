"""One row of a shared temporal cache for every tracked object, given and taken."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vidcache.cache import HeadState
from vidcache.model.object_model import ObjectActionModel, TrackMemory

__all__ = ["ObjectRows"]

_FIRST_ROWS = 4


class ObjectRows:
    """Gives each object its row of one state, and gives rows that were freed to newcomers.

    The state grows by doubling, so that it has at most twice as many rows as were ever used at the
    same time, and never more.

    Args:
        model: The model whose head the state belongs to.
    """

    def __init__(self, model: ObjectActionModel) -> None:
        self._model = model
        self._state: HeadState | None = None
        self._free: list[int] = []

    @property
    def num_rows(self) -> int:
        """Rows that there are, used or not."""
        return 0 if self._state is None else self._state.batch_size

    @property
    def num_used(self) -> int:
        """Rows that belong to an object."""
        return self.num_rows - len(self._free)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return 0 if self._state is None else self._state.nbytes

    def take(self) -> int:
        """Finds a row for a new object, which begins as new."""
        if not self._free:
            self._grow()
        row = self._free.pop()
        self._known().reset(rows=[row])
        return row

    def give_back(self, row: int) -> None:
        """Frees the row of an object that is forgotten."""
        self._free.append(row)

    def step(
        self, memories: Sequence[TrackMemory], rows: Sequence[int], seconds: float
    ) -> list[list[float]]:
        """Scores the newest observations of objects that were seen in one frame.

        Args:
            memories: The last second of each, K of them.
            rows: Their rows.
            seconds: Time of the frame.

        Returns:
            Probabilities of each, K lists in the order of the model's labels.
        """
        tokens = self._model.tokens(memories)[:, None]
        times = torch.full((len(rows), 1), seconds, dtype=torch.float64)
        scores = self._model.step(tokens, self._known(), times, rows=rows)
        return scores[:, 0].cpu().numpy().tolist()

    def _grow(self) -> None:
        before = self.num_rows
        more = self._model.init_state(max(_FIRST_ROWS, before))
        self._state = more if self._state is None else HeadState.merge([self._state, more])
        # The lowest rows are taken first.
        self._free = list(range(before, self.num_rows))[::-1]

    def _known(self) -> HeadState:
        assert self._state is not None, "a row was taken from this state"
        return self._state
