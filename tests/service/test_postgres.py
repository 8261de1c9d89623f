"""Two services share one PostgreSQL queue and one image folder; one of them dies."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("fastapi")
pytest.importorskip("psycopg", reason="PostgreSQL needs psycopg")
pytest.importorskip("pynetdicom")

from sqlalchemy import select

from fractura.service.settings import ServiceSettings
from fractura.service.store.audit import audit_lines
from fractura.service.store.open import ServiceStore, close_store, looking, open_store
from fractura.service.store.queue import queue_length
from fractura.service.store.tables import readings
from tests.service.kills import Forked, free_port, make, wait_until_open
from tests.service.postgres import fresh_database, running_postgres

LEASE_SECONDS = 3.0
PATIENCE = 60.0
START = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Service:
    """A process of the service."""

    process: Forked
    client: httpx.Client

    def send(self, *images: bytes) -> httpx.Response:
        files = [("file", (f"{n}.dcm", data)) for n, data in enumerate(images)]
        return self.client.post("/v1/readings", files=files)

    def get(self, path: str) -> dict:
        return self.client.get(path).raise_for_status().json()


@contextmanager
def service(folder: Path, name: str, database: str) -> Iterator[Service]:
    """Start one with a data folder of its own; only the database and the images are shared."""
    port = free_port()
    config = folder / f"{name}.toml"
    config.write_text(
        f"data = {json.dumps(str(folder / name))}\nport = {port}\nreaders = 2\n"
        f"database = {json.dumps(database)}\nimages = {json.dumps(str(folder / 'images'))}\n",
        "utf-8",
    )
    log = folder / f"{name}.log"
    process = Forked(config, log, LEASE_SECONDS, command="serve")
    try:
        wait_until_open(port, log)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield Service(process, client)
    finally:
        process.kill()
        process.wait()


def test_two_processes_share_the_work_and_one_survives_the_other(tmp_path: Path) -> None:
    chance = random.Random(0)
    images = [make(chance).data for _ in range(41)]
    first, single, double, jobs, last = cut(images, 1, 12, 6, 6, 16)
    with running_postgres() as server:
        database = fresh_database(server)
        with service(tmp_path, "a", database) as a:
            store = open_store(ServiceSettings(data=tmp_path, database=database))
            assert a.send(*first).status_code == 200
            (worker,) = read_by(store)
            with service(tmp_path, "b", database) as b, ThreadPoolExecutor(8) as pool:
                alone = list(pool.map(lambda n: (a, b)[n % 2].send(single[n]), range(12)))
                twice = list(pool.map(lambda n: (a, b)[n % 2].send(double[n // 2]), range(12)))
                assert {answer.status_code for answer in alone + twice} <= {200, 202}
                ids = [answer.json()["id"] for answer in twice]
                assert ids[::2] == ids[1::2]
                assert len({answer.json()["id"] for answer in alone} | set(ids)) == 18

                accepted = a.send(*jobs)
                assert accepted.status_code == 202
                job = wait_for_job(b, accepted.headers["Location"])
                assert [item["reading"]["state"] for item in job["items"]] == ["done"] * 6
                assert len(read_by(store)) == 2

                accepted = a.send(*last)
                interrupted = kill_while_it_reads(store, a, worker)
                job = wait_for_job(b, accepted.headers["Location"])
                assert [item["reading"]["state"] for item in job["items"]] == ["done"] * 16
                assert begun(store, interrupted) == {2}
        lines = audit_lines(store, START, 1000)
        counts = Counter(line.sha256 for line in lines if line.action == "read")
        assert counts == {sha256(data).hexdigest(): 1 for data in images}
        assert queue_length(store) == {"queued": 0, "running": 0, "done": 41, "failed": 0}
        close_store(store)


def cut(images: list[bytes], *lengths: int) -> Iterator[list[bytes]]:
    """Groups of these lengths."""
    rest = iter(images)
    return ([next(rest) for _ in range(length)] for length in lengths)


def read_by(store: ServiceStore) -> Counter[str]:
    """How many readings each process has made."""
    return Counter(line.who for line in audit_lines(store, START, 1000) if line.action == "read")


def begun(store: ServiceStore, ids: set[str]) -> set[int]:
    with looking(store) as connection:
        return set(connection.scalars(select(readings.c.attempts).where(readings.c.id.in_(ids))))


def wait_for_job(service: Service, path: str) -> dict:
    end = time.monotonic() + PATIENCE
    while (job := service.get(path))["state"] != "done":
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return job


def kill_while_it_reads(store: ServiceStore, service: Service, worker: str) -> set[str]:
    """SIGKILL while the worker holds readings; their ids."""
    held = select(readings.c.id).where(readings.c.state == "running", readings.c.worker == worker)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        service.process.signal(signal.SIGSTOP)
        with looking(store) as connection:
            ids = set(connection.scalars(held))
        if ids:
            service.process.kill()
            service.process.wait()
            return ids
        service.process.signal(signal.SIGCONT)
        time.sleep(0.005)
    raise TimeoutError("it read nothing")
