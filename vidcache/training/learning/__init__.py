"""The training loop and its parts: clips, losses, schedules, checkpoints."""

__all__: list[str] = []
