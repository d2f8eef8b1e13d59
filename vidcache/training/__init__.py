"""Training: synthetic streams, losses, loops and metrics."""

__all__: list[str] = []
