"""``vidcache bench``: measures the program's parts on this machine."""

import typer

from vidcache.cli.bench_cache import bench_cache
from vidcache.cli.bench_head import bench_head
from vidcache.cli.bench_pipeline import bench_pipeline
from vidcache.cli.bench_scale import bench_scale

__all__ = ["bench_app"]

bench_app = typer.Typer(help="Measure parts of vidcache on this machine.", rich_markup_mode=None)
bench_app.command("cache")(bench_cache)
bench_app.command("head")(bench_head)
bench_app.command("pipeline")(bench_pipeline)
bench_app.command("scale")(bench_scale)


@bench_app.callback()
def _bench() -> None:  # pyright: ignore[reportUnusedFunction]
    """Measure parts of vidcache on this machine."""
