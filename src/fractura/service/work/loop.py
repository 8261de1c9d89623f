"""Threads that work until they are told to stop, and that no error ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 60.0


def start_loop(
    name: str, step: Callable[[], float], stopping: threading.Event, *, first_pause: float = 1.0
) -> threading.Thread:
    """Call ``step`` again and again in a thread until ``stopping`` is set.

    Args:
        name: of the thread.
        step: does one piece of work and says how many seconds to rest before the next.
        stopping: ends the rest at once and the thread after the step.
        first_pause: seconds to rest after an error; twice as long after each further one in a
            row, at most a minute.
    """

    def run() -> None:
        pause = first_pause
        while not stopping.is_set():
            try:
                rest = step()
                pause = first_pause
            except Exception as error:
                # The text of an error may hold what is in a file.
                log.error("%s: %s; again in %.0f s", name, type(error).__name__, pause)
                rest, pause = pause, min(2 * pause, _LONGEST_PAUSE)
            if rest:
                stopping.wait(rest)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
