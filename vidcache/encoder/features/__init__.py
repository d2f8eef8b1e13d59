"""The feature store: what an encoder made of frames, on disk, found again by their content."""

from vidcache.encoder.features.content_hash import hash_file, hash_frame
from vidcache.encoder.features.feature_store import FeatureStore
from vidcache.encoder.features.frame_list import FrameList
from vidcache.encoder.features.stored_features import StoredFeatures

__all__ = ["FeatureStore", "FrameList", "StoredFeatures", "hash_file", "hash_frame"]
