"""A store, a reader and what the parts of a process share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("pynetdicom")

from fractura.reading.reader import Reader
from fractura.service.prometheus import Metrics, make_metrics
from fractura.service.settings import ServiceSettings
from fractura.service.store.open import ServiceStore, close_store, open_store
from fractura.service.store.queue import queue_length


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ServiceStore]:
    opened = open_store(ServiceSettings(data=tmp_path / "data"))
    yield opened
    close_store(opened)


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader("fractura-s", threads=1)


@pytest.fixture
def metrics(store: ServiceStore) -> Metrics:
    return make_metrics(partial(queue_length, store))
