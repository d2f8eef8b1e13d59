"""What the settings of a run say about opening a source."""

from typing import Any

from vidcache.config import Config
from vidcache.video.backoff import ReconnectPolicy

__all__ = ["source_options"]


def source_options(config: Config) -> dict[str, Any]:
    """The options that `open_source` takes, by name, from the sections ``read`` and ``live``.

    Example:
        >>> from vidcache.config import Config
        >>> options = source_options(Config.model_validate({"live": {"max_latency": 0.5}}))
        >>> options["max_latency"], options["reconnect"].max_delay
        (0.5, 30.0)
    """
    reconnect = config.live.reconnect
    return {
        **config.read.model_dump(),
        **config.live.model_dump(exclude={"reconnect"}),
        "reconnect": None if reconnect is None else ReconnectPolicy(**reconnect.model_dump()),
    }
