"""`vidcache run` that notes the time in each picture as it is handed to the models.

    python noted_run.py NOTES run SOURCE …

The stamp is read here, behind encoder, network and decoder, since a result does not hold its
picture. One line a frame: its number and the stamp, -1 where none could be read.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from latency_lab.stamp import read_stamp
from vidcache.cli import main
from vidcache.frames import Frame
from vidcache.video import Source

__all__: list[str] = []


def run() -> None:
    """Run the command line behind the name of the file for the notes."""
    poll = Source.poll
    with Path(sys.argv.pop(1)).open("w", buffering=1) as notes:

        def noting(self: Source, timeout: float | None = None) -> Any:
            item = poll(self, timeout)
            if isinstance(item, Frame):
                stamp = read_stamp(item.image_rgb)
                notes.write(f"{item.index} {-1 if stamp is None else stamp}\n")
            return item

        Source.poll = noting
        main()


if __name__ == "__main__":
    run()
