"""The commands, their exit codes, and how errors are shown."""

import os
import sys
from collections.abc import Sequence

import typer

from vidcache.cli.batch import batch
from vidcache.cli.bench import bench_app
from vidcache.cli.console import show_error, show_log
from vidcache.cli.data import data_app
from vidcache.cli.demo import demo
from vidcache.cli.doctor import doctor
from vidcache.cli.eval import evaluate_model
from vidcache.cli.eval_tracks import evaluate_tracks
from vidcache.cli.exit_codes import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_WRONG_USE
from vidcache.cli.info import info
from vidcache.cli.plan import plan
from vidcache.cli.run import run
from vidcache.cli.train import train
from vidcache.cli.train_objects import train_objects
from vidcache.errors import ConfigError, VidcacheError

__all__ = ["app", "run_app"]

app = typer.Typer(
    name="vidcache",
    help="Watches video and says, frame by frame, what is being done and by whom.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(run)
app.command()(batch)
app.command()(demo)
app.command()(train)
app.command("train-objects")(train_objects)
app.command("eval")(evaluate_model)
app.command("eval-tracks")(evaluate_tracks)
app.command()(info)
app.command()(plan)
app.command()(doctor)
app.add_typer(bench_app, name="bench")
app.add_typer(data_app, name="data")


def run_app(args: Sequence[str]) -> int:
    """Runs one command line.

    Args:
        args: The arguments without the program's name.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong use, 3 partly done, 130 interrupted.
    """
    debug = "--debug" in args
    try:
        with show_log():
            code: object = app(
                args=list(args) or ["--help"], prog_name="vidcache", standalone_mode=False
            )
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except SystemExit as error:
        # Typer ends the program itself when a print meets a reader that has left.
        if isinstance(error.__context__, BrokenPipeError):
            return _reader_left()
        raise
    except Exception as error:
        if isinstance(error.__cause__, BrokenPipeError):
            return _reader_left()
        if debug:
            raise
        return _show(error)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_left()
    return code if isinstance(code, int) else EXIT_DONE


def _reader_left() -> int:
    """What reads our output wants no more of it, as in ``| head``: that is no failure."""
    # Without this the interpreter would complain when it flushes the output at its end.
    if sys.__stdout__ is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
    return EXIT_DONE


def _show(error: Exception) -> int:
    if isinstance(error, VidcacheError):
        show_error(str(error))
        return EXIT_WRONG_USE if isinstance(error, ConfigError) else EXIT_FAILED
    # Typer brings its usage errors from click or from a copy of it, so go by what they can do.
    describe = getattr(error, "format_message", None)
    if callable(describe):
        context = getattr(error, "ctx", None)
        command = getattr(context, "command_path", "vidcache")
        show_error(f"{str(describe()).rstrip('.')} (see {command} --help)")
        return EXIT_WRONG_USE
    if isinstance(error, typer.Abort):
        return EXIT_INTERRUPTED
    show_error(f"{type(error).__name__}: {error} (--debug shows where)")
    return EXIT_FAILED
