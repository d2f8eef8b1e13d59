"""The outputs of a run, for each of its sources."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from vidcache.cli.console import show_message
from vidcache.cli.sources import NamedSource
from vidcache.config import Config
from vidcache.errors import ConfigError

if TYPE_CHECKING:
    from vidcache.video import Sink, Source, WindowSink

__all__ = ["RunOutputs"]

_STDOUT = "-"
_OTHERS = ("webhook", "mqtt", "metrics", "show")


class RunOutputs:
    """Makes the sinks of each source, and knows the files that they write.

    With no output at all, the results go to the standard output, unless that is a terminal.

    Args:
        settings: The settings of the run.
        sources: Its sources.
        stdout_is_terminal: Whether a person looks at the standard output.

    Attributes:
        windows: The live windows, where any were asked for.
        uses_stdout: Whether results go to the standard output.

    Raises:
        ConfigError: If an output would replace a source, or a file is named for several.
        SinkError: If metrics cannot be served at their address.
    """

    def __init__(
        self, settings: Config, sources: list[NamedSource], *, stdout_is_terminal: bool
    ) -> None:
        from vidcache.video import FILE_SINKS, MetricsServer
        from vidcache.video.sinks import output_path

        chosen = [getattr(settings, name) for name in (*FILE_SINKS, *_OTHERS)]
        if not any(chosen) and not stdout_is_terminal:
            settings = settings.model_copy(update={"jsonl": _STDOUT})
        self.windows: list[WindowSink] = []
        self._settings = settings
        self._several = len(sources) > 1 or sources[0].is_one_of_many
        self._files: dict[str, list[str]] = {}
        for source in sources:
            targets = [(kind, getattr(settings, kind)) for kind in FILE_SINKS]
            files = [
                output_path(kind, target, source.name, several=self._several)
                for kind, target in targets
                if target is not None
            ]
            _refuse_overwriting(files, source.uri)
            self._files[source.name] = files
        self.uses_stdout = any(_STDOUT in files for files in self._files.values())
        self._open = ExitStack()
        self._metrics: MetricsServer | None = None
        if settings.metrics is not None:
            self._metrics = self._open.enter_context(MetricsServer(settings.metrics))
            show_message(f"metrics: {self._metrics.url}")

    def __enter__(self) -> "RunOutputs":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def files(self, name: str) -> list[str]:
        """The files that are written for a source."""
        return [path for path in self._files[name] if path != _STDOUT]

    def sinks(self, name: str, source: "Source") -> "list[Sink]":
        """Makes the sinks of a source that was opened.

        Args:
            name: What it is called.
            source: The source.

        Raises:
            ConfigError: If an output cannot be used as it is asked for.
            SinkError: If a folder cannot be made.
            MissingExtraError: If a package is missing.
        """
        from vidcache.video import WindowSink, make_sinks

        live, several = source.is_live, self._several
        sinks = make_sinks(self._settings, name=name, live=live, several=several)
        if self._settings.show:
            self.windows.append(WindowSink(f"vidcache: {name}" if several else "vidcache"))
            sinks.append(self.windows[-1])
        if self._metrics is not None:
            sinks.append(self._metrics.sink(name))
            self._metrics.watch(
                name, status=lambda: source.status, dropped=lambda: source.dropped_by_cause
            )
        return sinks


def _refuse_overwriting(files: list[str], uri: str) -> None:
    source = Path(uri)
    for path in map(Path, files):
        if path.exists() and source.exists() and path.samefile(source):
            raise ConfigError(f"the output '{path}' would replace the video that is read")
