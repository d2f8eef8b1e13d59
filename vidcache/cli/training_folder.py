"""The folder of a training, which holds one training and no other."""

from pathlib import Path

from vidcache.errors import ConfigError

__all__ = ["check_training_folder"]


def check_training_folder(out: Path, checkpoint: str, *, resume: bool) -> None:
    """Refuses to begin a training where there is one already.

    Args:
        out: The folder.
        checkpoint: Name of the checkpoint by which a training is known.
        resume: Whether it is to be gone on with.

    Raises:
        ConfigError: There is one, and it is not.
    """
    if not resume and (out / checkpoint).exists():
        raise ConfigError(
            f"{out} holds a training already: go on with it by --resume, or give another --out"
        )
