"""One row of a shared temporal cache for every source, given and taken while others go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from vidcache.cache import HeadState
from vidcache.encoder import ReuseState
from vidcache.encoder.features import CachedStream
from vidcache.frames import ActionScore
from vidcache.model import ActionModel
from vidcache.pipeline.cadence import Cadence
from vidcache.pipeline.object_memory import ObjectMemory
from vidcache.pipeline.recall import Recall

__all__ = ["Seat", "Seats"]


@dataclass(eq=False)
class Seat:
    """The memory of one source.

    Attributes:
        row: Row of the shared state; None for a source with a state of its own, and where the
            picture as a whole is not labelled.
        recall: What earlier runs know of the source; such a source has a state of its own.
        state: That state, once it is needed.
        last: The scores of its last good frame, best first.
        labels: The labels that these are scores of.
        objects: What is remembered of its objects; None where they are not labelled.
        cadence: Which of its frames the detector looks at.
        picture: What the encoder remembers of its last picture, where it reuses tokens.
        known: What is counted and remembered of its pictures, where their features are cached.
    """

    row: int | None
    recall: Recall | None = None
    state: HeadState | None = None
    last: tuple[ActionScore, ...] = ()
    labels: tuple[str, ...] = ()
    objects: ObjectMemory | None = None
    cadence: Cadence = field(default_factory=Cadence)
    picture: ReuseState = field(default_factory=ReuseState)
    known: CachedStream = field(default_factory=CachedStream)


class Seats:
    """Gives each source its row of one state, and gives rows that were left to newcomers.

    Args:
        model: The model whose head the state belongs to.
    """

    def __init__(self, model: ActionModel) -> None:
        self._model = model
        self._state: HeadState | None = None
        self._free: list[int] = []

    def take(self, recall: Recall | None = None) -> Seat:
        """Finds a row for a new source; the state grows by one where none is free.

        Args:
            recall: What earlier runs know of the source, or None.
        """
        if recall is not None:
            return Seat(None, recall)
        if self._free:
            row = self._free.pop()
            self._shared().reset(rows=[row])
            return Seat(row)
        newcomer = self._model.init_state()
        if self._state is None:
            self._state = newcomer
            return Seat(0)
        row = self._state.batch_size
        self._state = HeadState.merge([self._state, newcomer])
        return Seat(row)

    def leave(self, seat: Seat) -> None:
        """Frees the row of a source that has gone."""
        if seat.row is not None:
            self._free.append(seat.row)

    def reset(self, seat: Seat) -> None:
        """Makes a source forget everything."""
        if seat.row is not None:
            self._shared().reset(rows=[seat.row])
        else:
            seat.state = self._model.init_state()

    def step(self, seats: Sequence[Seat], features: Tensor, seconds: Tensor | None) -> Tensor:
        """Scores the next frames of sources that share the state, or of one that does not.

        Args:
            seats: The sources, K of them.
            features: Tokens of their next frames, (K, T, N, C).
            seconds: Times of these frames, (K, T), where the head counts seconds.

        Returns:
            Probabilities, (K, T, labels).
        """
        rows = [seat.row for seat in seats if seat.row is not None]
        if rows:
            return self._model.step(features, self._shared(), seconds, rows=rows)
        return self._model.step(features, self.own_state(seats[0]), seconds)

    def own_state(self, seat: Seat) -> HeadState:
        """The state of a source that has its own, made when it is first asked for."""
        if seat.state is None:
            seat.state = self._model.init_state()
        return seat.state

    def stats(self, seat: Seat) -> Mapping[str, Any]:
        """Counters of one source's memory."""
        if seat.recall is not None:
            if seat.recall.recalling:
                seat.state = seat.recall.resume()
            figures = self.own_state(seat).stats().to_dict()
            return {**figures, "prefix": seat.recall.stats()}
        state = self._shared()
        if state.batch_size > 1 and seat.row is not None:
            state = state.select(rows=[seat.row])
        return state.stats().to_dict()

    def _shared(self) -> HeadState:
        assert self._state is not None, "a seat with a row was taken from this state"
        return self._state
