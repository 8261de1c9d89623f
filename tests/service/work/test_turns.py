"""Only so many threads read at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fractura.imaging.load import load_bytes
from fractura.reading.reader import Reader
from fractura.service.work.turns import ReaderInTurns
from tests.dicom.results.material import radiograph


def test_a_reading_in_turns_is_that_of_a_reader(reader: Reader) -> None:
    image = load_bytes(radiograph())
    said, plain = (
        one.read(image, all_findings=True, heatmap=True)
        for one in (ReaderInTurns("fractura-s", threads=1, at_once=1), reader)
    )
    assert {**said.as_dict(), "milliseconds": None} == {**plain.as_dict(), "milliseconds": None}
    assert said.heatmap is not None
    assert plain.heatmap is not None
    assert (said.heatmap == plain.heatmap).all()


def test_no_more_read_at_once_and_an_error_gives_its_turn_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def read(*_: Any, **__: Any) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        raise MemoryError

    shared = ReaderInTurns("fractura-s", threads=1, at_once=2)
    monkeypatch.setattr(Reader, "read", read)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(shared.read, load_bytes(radiograph())) for _ in range(12)]
    assert all(isinstance(one.exception(), MemoryError) for one in asked)
    assert most == 2
