# pyright: basic
"""From what a decoder gives, often YUV, to RGB of the size asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["RgbConverter"]


class RgbConverter:
    """Converts the pictures of one stream on the thread that asks.

    A picture that converts itself (`av.VideoFrame.reformat`) gets a scaler of its own, which
    starts a thread for every processor and keeps them until Python collects garbage: hundreds, on
    a camera. One scaler for the stream has none and is faster.
    """

    def __init__(self) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        self._scaler = VideoReformatter()
        # Before version 17 scaling knew no threads.
        has_threads = int(av.__version__.split(".")[0]) >= 17
        self._options: dict[str, Any] = {"threads": 1} if has_threads else {}

    def convert(self, picture: "VideoFrame", width: int, height: int) -> "VideoFrame":
        """The picture in RGB, 8 bits, scaled by averaging areas."""
        return self._scaler.reformat(
            picture, width, height, "rgb24", interpolation="AREA", **self._options
        )
