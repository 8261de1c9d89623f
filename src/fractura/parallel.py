"""Work on many items at once: in order, in threads, at constant memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

IN_FLIGHT = 4
"""Items that are being worked on or wait to be handed out, for each worker."""


def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """``map`` in threads, with at most :data:`IN_FLIGHT` items a worker begun and not handed out.

    Closing the iterator, or an error in it, drops what has not begun and waits for the rest.
    """
    window: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="fractura") as pool:
        try:
            for item in items:
                window.append(pool.submit(work, item))
                while window and (len(window) >= IN_FLIGHT * workers or window[0].done()):
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
        finally:
            for future in window:
                future.cancel()


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
