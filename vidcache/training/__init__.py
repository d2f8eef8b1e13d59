"""Training: synthetic streams, losses, loops and metrics."""
