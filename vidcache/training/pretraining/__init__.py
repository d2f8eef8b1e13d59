"""Training of encoder and head together, from nothing, on synthetic streams."""

__all__: list[str] = []
