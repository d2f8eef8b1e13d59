"""What an encoder made of frames, found again by their content.

On disk for trainings (`FeatureStore`), and in memory and on disk for runs (`FeatureCache`).
"""

from vidcache.encoder.features.caching_encoder import CachedStream, CachingEncoder
from vidcache.encoder.features.content_hash import hash_file, hash_frame
from vidcache.encoder.features.feature_cache import FeatureCache
from vidcache.encoder.features.feature_store import FeatureStore
from vidcache.encoder.features.frame_list import FrameList
from vidcache.encoder.features.stored_features import StoredFeatures

__all__ = [
    "CachedStream",
    "CachingEncoder",
    "FeatureCache",
    "FeatureStore",
    "FrameList",
    "StoredFeatures",
    "hash_file",
    "hash_frame",
]
