"""One file from its path to its finished outputs, with models that are loaded once."""

import errno
import stat
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from vidcache.batch.durable import PartFiles
from vidcache.batch.fingerprint import hash_file, identify
from vidcache.batch.jobs import Done, Failed, Job, Report, Stopped, Unchanged, Working
from vidcache.config import Config
from vidcache.errors import MissingExtraError, SinkError, SourceError, VidcacheError
from vidcache.pipeline import Pipeline
from vidcache.video import Sink, Source, VideoSink, file_sink, open_source

__all__ = ["FileWorker"]

_REPORT_SECONDS = 0.5
_OUTPUT_IS_OVER = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


class FileWorker:
    """Works on one file after the other.

    Args:
        config: The settings. Outputs come with each job.

    Raises:
        ModelError: If a model cannot be found, fetched or read.
        ConfigError: If a setting cannot be used here.
        MissingExtraError: If a package is missing.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._pipeline = Pipeline.from_config(config)
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Leaves the file at work, and every later one, soon. Callable from any thread."""
        self._stopped.set()
        self._pipeline.stop()

    def work(self, job: Job, on_progress: Callable[[Working], None] | None = None) -> Report:
        """Does a job. What goes wrong is told, not raised.

        Args:
            job: The file and its outputs.
            on_progress: Called now and then while the work goes on.
        """
        try:
            _check_kind(job.path)
            return self._work(job, on_progress or (lambda _: None))
        except SinkError as error:
            number = getattr(error.__cause__, "errno", None)
            return Failed(job, "output", _one_line(error), fatal=number in _OUTPUT_IS_OVER)
        except MissingExtraError as error:
            return Failed(job, "internal", _one_line(error), fatal=True)
        except VidcacheError as error:
            return Failed(job, _kind_of_failure(job.path), _one_line(error))
        except Exception as error:
            text = f"{type(error).__name__}: {_one_line(error)}"
            return Failed(job, "internal", text, trace=traceback.format_exc())

    def _work(self, job: Job, on_progress: Callable[[Working], None]) -> Report:
        start = time.perf_counter()
        with open_source(job.path, **self._config.read.source_options()) as source:
            identity, content = identify(job.path), hash_file(job.path)
            if content == job.known_content:
                return Unchanged(job, identity)
            try:
                parts = PartFiles(job.outputs, job.part_tag)
            except OSError as error:
                raise _output_failure(job, error) from error
            with parts:
                self._run(source, job, parts, on_progress)
                if self._stopped.is_set():
                    return Stopped(job)
                if identify(job.path) != identity:
                    return Failed(job, "changed", f"'{job.path}' was changed while it was read")
                try:
                    num_bytes = parts.commit()
                except OSError as error:
                    raise _output_failure(job, error) from error
            summary = self._pipeline.summary
            return Done(
                job=job,
                content=content,
                identity=identity,
                num_bytes=num_bytes,
                num_frames=summary.num_frames,
                num_tainted=summary.num_tainted,
                # The summary's own word also covers a limit that was asked for.
                truncated=source.truncated,
                seconds=time.perf_counter() - start,
            )

    def _run(
        self, source: Source, job: Job, parts: PartFiles, on_progress: Callable[[Working], None]
    ) -> None:
        total = source.expected_frames(self._config.max_frames)
        sinks = [self._sink(kind, path) for kind, path in parts.paths.items()]
        reported = time.monotonic()
        for result in self._pipeline.run(source, sinks=sinks):
            if self._stopped.is_set():
                self._pipeline.stop()
            now = time.monotonic()
            if now - reported >= _REPORT_SECONDS:
                reported = now
                done = result.index + 1
                on_progress(Working(job, done, min(1.0, done / total) if total else 0.0))

    def _sink(self, kind: str, path: str) -> Sink:
        if kind == "video":
            settings = self._config.outputs
            return VideoSink(path, crf=settings.crf, preset=settings.preset)
        return file_sink(kind, path)


def _check_kind(path: str) -> None:
    """Refuses what would be waited for in vain, or taken for a camera."""
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"cannot open '{path}': there is no such file") from None
    except OSError as error:
        raise SourceError(f"cannot open '{path}': {error.strerror or error}") from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise SourceError(f"cannot open '{path}': it is no file but a device, a pipe or a socket")


def _kind_of_failure(path: str) -> str:
    """A word for why a file could not be read, found by trying."""
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            return "directory"
        if not stat.S_ISREG(mode):
            return "unreadable"
        with Path(path).open("rb") as file:
            return "unreadable" if file.read(1) else "empty"
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except PermissionError:
        return "no_permission"
    except OSError:
        return "unreadable"


def _output_failure(job: Job, error: OSError) -> SinkError:
    name = error.filename or job.name
    return SinkError(f"cannot write the outputs of '{job.path}': {error.strerror}: '{name}'")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
