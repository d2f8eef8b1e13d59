"""A camera that writes the time into its pictures, and a run that reads it there.

stamped_graph   the picture of such a camera, as a graph of libav
read_stamp      the time in a picture
StampedCamera   that camera behind a real encoder and a real RTSP server
watch_stamped   `vidcache run` on it: when each result was there, and how old its picture was
Ages            percentiles by minute, and whether they creep
"""

from latency_lab.ages import Ages, SpanOfAges
from latency_lab.stamp import age_ms, read_stamp, stamped_graph
from latency_lab.stamped_camera import StampedCamera
from latency_lab.stamped_run import StampedRun, watch_stamped

__all__ = [
    "Ages",
    "SpanOfAges",
    "StampedCamera",
    "StampedRun",
    "age_ms",
    "read_stamp",
    "stamped_graph",
    "watch_stamped",
]
