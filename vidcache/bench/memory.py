"""How much memory this process holds."""

import sys
from pathlib import Path

__all__ = ["peak_bytes", "resident_bytes"]


def resident_bytes() -> int:
    """Memory of this process now, or its peak where the system does not say; 0 on Windows."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        import resource

        return int(statm.read_text().split()[1]) * resource.getpagesize()
    if sys.platform == "win32":
        return 0
    import resource

    return peak_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def peak_bytes(maxrss: int) -> int:
    """The most memory that a process held.

    Args:
        maxrss: What the system says of it, in its own unit.
    """
    # Linux counts in KiB, macOS in bytes.
    return maxrss if sys.platform == "darwin" else 1024 * maxrss
