"""What the exit codes of the command line mean."""

__all__ = ["EXIT_DONE", "EXIT_FAILED", "EXIT_INTERRUPTED", "EXIT_PARTLY", "EXIT_WRONG_USE"]

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_WRONG_USE = 2
EXIT_PARTLY = 3
"""Some inputs failed; the rest is complete."""
EXIT_INTERRUPTED = 130
"""Ctrl-C or SIGTERM, with every output closed and readable."""
