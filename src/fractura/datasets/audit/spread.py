"""Work on many items in threads, in order and in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 512


def spread(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """``map`` over as many threads as there are processors, a block of items at a time."""
    with _one_thread_each(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(items), _AHEAD):
            yield from pool.map(function, items[start : start + _AHEAD])


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep libraries from starting threads in every thread, which makes them wait for each other.

    Measured on two processors: comparing pictures takes 46 s instead of 260 s.
    """
    from threadpoolctl import threadpool_limits

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        cv2.setNumThreads(threads)
