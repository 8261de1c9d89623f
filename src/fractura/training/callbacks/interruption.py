"""Ctrl-C ends a run between two batches."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback

from fractura.errors import ResumableError


class StoppedError(ResumableError):
    """A person stopped the run."""


class Interruption(Callback):
    """Raises :class:`StoppedError` at the first batch after Ctrl-C; a second Ctrl-C ends at once.

    An exception out of a signal's handler would be lost wherever Python ignores exceptions, such
    as when a loader's processes are tidied up.
    """

    def __init__(self, last: Path) -> None:
        self.last = last
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C for as long as the block lasts."""
        owner, before = os.getpid(), signal.getsignal(signal.SIGINT)

        def ask(*_: Any) -> None:
            if os.getpid() == owner:
                self.asked = True
                signal.signal(signal.SIGINT, before)

        signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def on_train_batch_start(self, *_: Any) -> None:
        self._stop_if_asked()

    def on_validation_batch_start(self, *_: Any) -> None:
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self.asked:
            kept = "holds the last whole epoch" if self.last.is_file() else "is not there yet"
            raise StoppedError(f"stopped; {self.last} {kept}")
