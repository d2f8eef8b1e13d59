"""Training and data of the model of single people's actions."""

__all__: list[str] = []
