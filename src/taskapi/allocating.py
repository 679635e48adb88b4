"""How the C library keeps memory that was freed: it goes back to the system.

glibc raises the size from which a block is mapped by itself to that of the largest such block that was freed
(mallopt(3), M_MMAP_THRESHOLD). After the first password all further ones, 19 MiB each, would come from the
heaps of whichever threads hash them, which keep them: 240 MB with 12 threads. A size that was set stays.
"""

import ctypes
import sys

_M_MMAP_THRESHOLD = -3
_MAPPED_BYTES = 1 << 20


def give_memory_back() -> None:
    """Have it so from now on, in this process and those it forks; nothing where the library is another."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
