"""The feature cache that the settings ask for, and what it cannot be combined with."""

from vidcache.cache import PrefixCache
from vidcache.config import Config
from vidcache.encoder.features import FeatureCache
from vidcache.errors import ConfigError
from vidcache.model import ActionModel

__all__ = ["check_feature_cache", "open_feature_cache"]

_NOT_WITH_REUSE = (
    "encoder.cache keeps what is computed of single pictures, and with encoder.reuse it depends "
    "on those before: leave one of them out"
)


def open_feature_cache(config: Config, model: ActionModel | None) -> FeatureCache | None:
    """Opens the cache that the settings name; None where they name none.

    The memory tier alone, which is there unless it is switched off, gives way to token reuse, and
    is not needed where no whole pictures are labelled.

    Raises:
        ConfigError: If the folder cannot be made or written, or no model is there whose work it
            keeps, or token reuse is asked for as well.
    """
    settings = config.encoder.cache
    if settings.folder is None and settings.near_duplicate is None:
        if model is None or config.encoder.reuse is not None or settings.memory_mb == 0:
            return None
    elif config.encoder.reuse is not None:
        raise ConfigError(_NOT_WITH_REUSE)
    elif model is None:
        raise ConfigError(
            "encoder.cache keeps what is computed of whole pictures, and with actions: per-object "
            "nothing is: leave it out, or label both"
        )
    return FeatureCache(int(settings.memory_mb * 1e6), settings.folder, int(settings.disk_gb * 1e9))


def check_feature_cache(
    config: Config,
    feature_cache: FeatureCache | None,
    prefix_cache: PrefixCache | None,
) -> None:
    """Refuses caches and settings that contradict each other.

    Raises:
        ConfigError: If features would be kept that depend on the pictures before, or results that
            are not exact.
    """
    if feature_cache is None:
        return
    if config.encoder.reuse is not None:
        raise ConfigError(_NOT_WITH_REUSE)
    if prefix_cache is not None and config.encoder.cache.near_duplicate is not None:
        raise ConfigError(
            "prefix_cache repeats results to the bit, and with encoder.cache.near_duplicate they "
            "are near: leave one of them out"
        )
