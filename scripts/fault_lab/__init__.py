"""Cameras that fail on purpose: real servers, real processes, real sockets.

    RtspServer      a camera that can be killed, frozen, thawed, restarted and emptied
    SilentServer    takes connections and says nothing
    FaultyLink      the cable to a camera: damages, drops, stalls, cuts, refuses
    write_clip      what a camera shows, as an H.264 file

Tests of failures and the scripts that print tables of them are made of these.
"""

from fault_lab.clips import write_clip
from fault_lab.damage import Damage, DamagedPacket
from fault_lab.faulty_link import FaultyLink
from fault_lab.ports import free_port
from fault_lab.rtsp_server import RtspServer
from fault_lab.silent_server import SilentServer

__all__ = [
    "Damage",
    "DamagedPacket",
    "FaultyLink",
    "RtspServer",
    "SilentServer",
    "free_port",
    "write_clip",
]
