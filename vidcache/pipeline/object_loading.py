"""From the names in the settings to the models that label every tracked person."""

from vidcache.cache import PrefixCache
from vidcache.config import Config
from vidcache.errors import ConfigError
from vidcache.model import ActionModel
from vidcache.model.object_model import ObjectActionModel
from vidcache.pipeline.loading import resolve_device
from vidcache.pipeline.object_models import ObjectModels
from vidcache.tracking import Tracker, UltralyticsPose, UltralyticsTracker

__all__ = ["check_models", "join_object_models", "load_object_model", "needs_action_model"]


def load_object_model(config: Config) -> ObjectActionModel | None:
    """Loads the model of objects' actions; None where the settings ask for the frame's alone.

    Raises:
        ModelError: If it cannot be found or read.
        ConfigError: If nothing is followed whose actions could be labelled.
    """
    if config.actions == "frame":
        return None
    if config.detector == "none":
        raise ConfigError(
            f"actions: {config.actions} labels what a detector finds, and the detector is none: "
            "name one, or leave it at auto"
        )
    return ObjectActionModel.load(config.objects.model, device=resolve_device(config.device))


def needs_action_model(config: Config, objects: ObjectActionModel | None) -> bool:
    """Whether the action model is needed: for whole pictures, or its encoder for objects.

    Args:
        config: The settings.
        objects: The model of objects' actions, if there is one.
    """
    if config.actions != "per-object":
        return True
    return objects is not None and "region" in objects.sources


def join_object_models(
    config: Config, model: ObjectActionModel, whole: ActionModel | None, tracker: Tracker | None
) -> ObjectModels:
    """Brings together the models that label objects, and loads what is missing.

    A model that looks at keypoints gets a pose estimator of its own where the detector finds none,
    unless the settings do without.

    Args:
        config: The settings.
        model: The model of objects' actions.
        whole: The action model, whose encoder says what the picture looks like under a box.
        tracker: The tracker with its detector.

    Raises:
        ModelError: If the pose model cannot be found, fetched or read.
        ConfigError: If the models do not fit together.
        MissingExtraError: If Ultralytics is not installed.
    """
    pose = None
    if "pose" in model.sources and config.objects.pose != "none" and not _sees_keypoints(tracker):
        name = "auto-pose" if config.objects.pose == "auto" else config.objects.pose
        device = resolve_device(config.device)
        pose = UltralyticsPose(name, device=device, precision=config.precision)
    return ObjectModels(model, pose, None if whole is None else whole.encoder)


def check_models(
    model: ActionModel | None,
    tracker: Tracker | None,
    objects: ObjectModels | None,
    prefix_cache: PrefixCache | None,
) -> None:
    """Refuses models that together label nothing.

    Args:
        model: The action model of whole pictures.
        tracker: The tracker.
        objects: What labels objects.
        prefix_cache: What is known of the beginnings of files.

    Raises:
        ConfigError: If they do.
    """
    if model is None and objects is None:
        raise ConfigError("a pipeline labels pictures or objects: give a model, objects, or both")
    if objects is not None and tracker is None:
        raise ConfigError("objects are labelled that a tracker follows: give a tracker")
    if model is None and prefix_cache is not None:
        raise ConfigError(
            "a prefix cache keeps what an action model computes of whole pictures: give the model, "
            "or no cache"
        )


def _sees_keypoints(tracker: Tracker | None) -> bool:
    """Whether the detector of a tracker finds keypoints by itself."""
    if not isinstance(tracker, UltralyticsTracker):
        return False
    return bool(getattr(tracker.detector, "has_keypoints", False))
