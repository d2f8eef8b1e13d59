"""Settings of a camera head."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args

import torch

from vidcache.cache import CacheLayout, EvictionPolicy, SlidingWindow, policy_from_dict
from vidcache.cache.eviction.checks import require_count
from vidcache.cache.formats import KeyValueFormats
from vidcache.errors import ConfigError

__all__ = ["CacheScope", "HeadConfig", "Positions"]

CacheScope = Literal["iteration", "first_iteration"]
Positions = Literal["index", "seconds", "none"]

_COUNTS = (
    "in_features",
    "width",
    "depth",
    "num_heads",
    "num_iterations",
    "num_outputs",
    "num_tokens",
)


@dataclass(frozen=True)
class HeadConfig:
    """Everything that makes a camera head, except its weights.

    Args:
        in_features: Width of the tokens that come in.
        width: Width C of the trunk.
        depth: Blocks of the trunk.
        num_heads: Attention heads; they divide the width.
        num_iterations: Refinement passes over each frame.
        num_outputs: Length of the predicted vector.
        num_tokens: Tokens N of a frame. The first one is read out. With 1, a frame may also come
            as several narrower tokens, which are joined: much cheaper than attending to each.
        eviction: Which frames are remembered.
        cache_scope: ``"iteration"``: every pass has a history of its own.
            ``"first_iteration"``: all passes see the history of the first one and, of the current
            frame, their own keys; ``num_iterations`` times less memory.
        positions: What rotary positions count: ``"index"`` (frames), ``"seconds"``, or ``"none"``.
        positions_per_second: With ``"seconds"``, how many positions a second is worth.
        rotary_base: The slowest rotary wave takes 2π times this many positions.
        mlp_ratio: Width of a block's hidden layer over the width.
        layer_scale: What the blocks' residual branches are scaled by before training.
        rollback_margin: How many committed frames ``state.rollback`` can undo; that many slots are
            added to each stream.

    Raises:
        ConfigError: A value is out of range, or values do not fit together.

    Example:
        >>> from vidcache import HeadConfig, SinkWindow
        >>> config = HeadConfig(in_features=384, width=384, depth=4, num_heads=6, num_iterations=4,
        ...     num_outputs=16, eviction=SinkWindow(window=64, sink_frames=1))
        >>> config.predict_nbytes(batch_size=1)
        3588096
    """

    in_features: int
    width: int
    depth: int
    num_heads: int
    num_iterations: int
    num_outputs: int
    num_tokens: int = 1
    eviction: EvictionPolicy = field(default_factory=lambda: SlidingWindow(64))
    cache_scope: CacheScope = "iteration"
    positions: Positions = "index"
    positions_per_second: float = 30.0
    rotary_base: float = 10_000.0
    mlp_ratio: float = 4.0
    layer_scale: float = 0.01
    rollback_margin: int = 8

    def __post_init__(self) -> None:
        for name in _COUNTS:
            require_count(name, getattr(self, name), at_least=1)
        require_count("rollback_margin", self.rollback_margin, at_least=0)
        for name in ("positions_per_second", "rotary_base", "mlp_ratio"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} is {getattr(self, name)!r}: give a positive number")
        for name, choices in (("cache_scope", CacheScope), ("positions", Positions)):
            if getattr(self, name) not in get_args(choices):
                known = ", ".join(map(repr, get_args(choices)))
                raise ConfigError(f"{name} is {getattr(self, name)!r}: use one of {known}")
        if self.width % self.num_heads:
            raise ConfigError(
                f"width {self.width} does not divide into {self.num_heads} heads: "
                "choose num_heads among its divisors"
            )
        if self.positions != "none" and self.head_dim % 2:
            raise ConfigError(
                f"rotary positions need heads of even width, and {self.width} / {self.num_heads} "
                f"is {self.head_dim}: change num_heads, or use positions='none'"
            )
        if not isinstance(self.eviction, EvictionPolicy):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigError(
                f"eviction is {self.eviction!r}: give a policy such as SlidingWindow(64)"
            )

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.width // self.num_heads

    @property
    def needs_seconds(self) -> bool:
        """Whether frames must come with times."""
        return self.positions == "seconds" or self.eviction.needs_seconds

    @property
    def cache_layout(self) -> CacheLayout:
        """The shape of the cache, from which its bytes follow."""
        histories = self.num_iterations if self.cache_scope == "iteration" else 1
        return CacheLayout(
            num_lanes=histories * self.depth,
            num_heads=self.num_heads,
            head_dim=self.head_dim,
            num_tokens=self.num_tokens,
            policy=self.eviction,
            rollback_margin=self.rollback_margin,
        )

    def predict_nbytes(
        self,
        batch_size: int = 1,
        dtype: torch.dtype = torch.float32,
        *,
        key_format: str | None = None,
        value_format: str | None = None,
    ) -> int:
        """Says how many bytes a state will take, before it is made.

        Args:
            batch_size: Number of streams B.
            dtype: What keys and values are stored in where no format is given.
            key_format: Storage format of the keys, such as ``"int8"``.
            value_format: Storage format of the values.

        Returns:
            2 · lanes · B · S · N · C · sizeof(dtype), exactly ``state.nbytes``; formats with
            scales add 4 bytes a frame, head and lane.

        Raises:
            ConfigError: There is no such format.
        """
        formats = KeyValueFormats.choose(dtype, key_format, value_format)
        return self.cache_layout.nbytes(batch_size, formats)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain values, for JSON and YAML."""
        return asdict(self) | {"eviction": self.eviction.to_dict()}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> HeadConfig:
        """Builds a config from plain values, as :meth:`to_dict` gives them.

        Args:
            settings: Names and values; ``eviction`` is a dict with the ``policy``'s name.

        Raises:
            ConfigError: A name is unknown, a value is missing or out of range.
        """
        known = [known_field.name for known_field in fields(cls)]
        for name in settings:
            if name not in known:
                near = get_close_matches(name, known, n=1) or known
                raise ConfigError(f"unknown head setting {name!r}: did you mean {near[0]!r}?")
        arguments = dict(settings)
        if isinstance(arguments.get("eviction"), dict):
            arguments["eviction"] = policy_from_dict(arguments["eviction"])
        try:
            return cls(**arguments)
        except TypeError as error:
            raise ConfigError(f"head settings are incomplete: {error}") from None
