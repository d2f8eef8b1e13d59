"""What a synthetic camera shows, in the words of libav's filters."""

from pathlib import Path

__all__ = ["camera_graph", "movie_filter"]


def movie_filter(video: Path, rate: int) -> str:
    """A filter that shows a video for ever, one picture after the other.

    Args:
        video: The file, whatever its name and its own rate.
        rate: Pictures a second.

    Example:
        >>> movie_filter(Path("street.mp4"), 25)
        'movie=street.mp4:loop=0,setpts=N/25/TB'
    """
    name = str(video).replace("\\", "/")
    # Both the graph and the filter take special characters for their own.
    for special in "':[],;":
        name = name.replace(special, f"\\\\\\{special}")
    return f"movie={name}:loop=0,setpts=N/{rate}/TB"


def camera_graph(video: Path | None, rate: int, size: tuple[int, int]) -> str:
    """What a camera shows, as a source that `open_source` takes; it is not live yet.

    Args:
        video: A video that is shown for ever; None for a test picture.
        rate: Frames a second.
        size: Width and height in pixels.
    """
    width, height = size
    if video is None:
        return f"lavfi:testsrc2=size={width}x{height}:rate={rate}"
    return f"lavfi:{movie_filter(video, rate)},scale={width}:{height}"
