"""Everything that the computation takes for granted."""

from dataclasses import dataclass

__all__ = ["ASSUMPTIONS", "Assumptions"]


@dataclass(frozen=True)
class Assumptions:
    """What was not measured.

    Attributes:
        processors: Of the large machine.
        usable_share: Share of its processors' time that frames get.
        processors_a_process: Processors that one process keeps busy.
        ram_bytes: Its memory.
        link_mbit: Its network link, in megabits a second.
        camera_mbit: What a camera sends, in megabits a second.
        link_share: Share of the link that is used.
        gpu_share: Share of a GPU's peak arithmetic that small batches reach.
        gpu_memory_share: Share of its memory bandwidth.
        gpu_batch: Frames that go through the GPU together.
        host_share: Share of encoder's and detector's time that stays with the processors.
        detect_every: Frames of which one is looked at by the detector, where it is not every one.
        spare_machines: Machines of a cluster that stand by for one that fails.
    """

    processors: int = 16
    usable_share: float = 0.8
    processors_a_process: int = 2
    ram_bytes: int = 64 << 30
    link_mbit: float = 1000.0
    camera_mbit: float = 4.0
    link_share: float = 0.7
    gpu_share: float = 0.2
    gpu_memory_share: float = 0.5
    gpu_batch: int = 32
    host_share: float = 0.1
    detect_every: int = 3
    spare_machines: int = 1

    def lines(self) -> list[str]:
        """The assumptions in words."""
        gib = self.ram_bytes >> 30
        return [
            f"The processors are those of the machine that was measured; {self.processors} of them "
            f"are {self.processors / self.processors_a_process:.0f} times "
            f"{self.processors_a_process}, and frames get {100 * self.usable_share:.0f} % of their "
            "time. The rest is for what they share: memory, its bus, the system.",
            f"One process of vidcache keeps {self.processors_a_process} processors busy, as "
            "measured; a machine runs as many processes as that makes, each with its own cameras "
            "and its own copy of the models. Cameras have nothing to do with each other.",
            "A frame costs the processor time of the whole process by the frame that was shown, "
            "with its share of reading frames that were dropped. That is split over the stages by "
            "the time that they took, after what reading takes was put aside.",
            "Reuse costs what it was measured to cost on this video, whose camera stands still. "
            "Where the picture moves it saves nothing.",
            f"Detecting every {self.detect_every}rd frame leaves the rest of the detector's time "
            "out; tracking goes on with every frame. It was computed, not measured.",
            f"The machine has {gib} GiB of memory and a link of {self.link_mbit:.0f} Mbit/s, of "
            f"which {100 * self.link_share:.0f} % are used; a camera sends {self.camera_mbit:g} "
            "Mbit/s. What vidcache sends out is small beside that.",
            f"A GPU reaches {100 * self.gpu_share:.0f} % of its published dense peak in half "
            f"precision, and {100 * self.gpu_memory_share:.0f} % of its memory bandwidth, with "
            f"{self.gpu_batch} frames of different cameras at once. The detector takes as much "
            "arithmetic for its time on the processor as the encoder does. No GPU was at hand: "
            "nothing of it was measured.",
            f"Beside a GPU stand the same processors, which read, track, and keep "
            f"{100 * self.host_share:.0f} % of the time of encoder, detector and head, to prepare "
            "pictures and to start the work.",
            f"Of two or more machines {self.spare_machines} stands by for one that fails. A camera "
            "is watched by one machine; nothing is exchanged between them.",
        ]


ASSUMPTIONS = Assumptions()
"""Those of the document."""
