"""Give memory back that was freed, so that a service that runs for weeks does not grow."""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_ARENAS = 2
_MAPPED_BYTES = 2**20


def return_freed_memory() -> None:
    """Ask glibc for few arenas and for mappings of their own for what is large; else do nothing.

    By default it makes eight arenas a processor for the threads, and after the first large array
    takes the next ones from them; what is freed there is seldom given back (mallopt(3)). Must come
    before the threads.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, _ARENAS)
        libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
