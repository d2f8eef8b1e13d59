"""The command line: ``vidcache run``, ``demo``, ``info``, ``doctor``, ``bench``."""

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
    sys.exit(run_app(sys.argv[1:]))
