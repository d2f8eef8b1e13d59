"""The command line: ``vidcache run``, ``batch``, ``demo``, ``info``, ``doctor``, ``bench``."""

import contextlib
import os
import sys

from vidcache.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED

__all__ = ["main"]


def main() -> None:
    """Runs the command line with the arguments of the process and exits with its code."""
    # Nothing heavy may load before the arguments are read: --help has to be quick.
    try:
        from vidcache.cli.app import run_app
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        print(
            f"vidcache: error: the package {error.name!r} is needed to use the command line, "
            "but it is not installed: pip install 'vidcache[run]'",
            file=sys.stderr,
        )
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    code = run_app(sys.argv[1:])
    if code == EXIT_INTERRUPTED:
        # All is closed. The interpreter's own end takes a while, and in it a second Ctrl-C would
        # kill the program instead of letting it say that it was interrupted.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
