"""Kill the node at random moments while radiographs come, and count what became of each."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from queue import Empty, Queue
from typing import Protocol

import httpx
from sqlalchemy import func, select

import fractura
from fractura.cli import main
from fractura.dicom.results.common import instance_uid
from fractura.dicom.results.make import MAKERS
from fractura.dicom.results.source import read_source
from fractura.reading.model import Model
from fractura.service.settings import ServiceSettings
from fractura.service.store.open import ServiceStore, close_store, looking, open_store
from fractura.service.store.tables import deliveries, instances
from fractura.service.store.tables import readings as entries
from fractura.service.work import deliver, readers
from tests.dicom.results.material import radiograph
from tests.service.work.receiver import Received, pacs, send

SENDERS = 2
PATIENCE = 120.0
"""Seconds without any progress after which the campaign waits no longer."""
PRELOADED = ("fractura.service.rest.server", "highdicom")


@dataclass(frozen=True)
class Sent:
    """A radiograph whose patient's name and number occur nowhere else."""

    uid: str
    data: bytes
    secrets: tuple[str, ...]


class Running(Protocol):
    """A process."""

    def kill(self) -> None: ...
    def terminate(self) -> None: ...
    def wait(self) -> int: ...


@dataclass(frozen=True)
class Outcome:
    """What became of it all.

    Attributes:
        offered, accepted, uploaded: radiographs; those taken by C-STORE and by HTTP.
        forgotten: of those taken, how many the database does not know or has no reading of.
        answers: readings by state.
        errors: failed readings by the type of their error.
        begun: readings by how often they were begun; what is begun twice was interrupted.
        sendings: deliveries by how often they were begun.
        undelivered: deliveries that are not sent.
        missing, foreign: results that the receiver lacks, and that it should not have.
        twice, differing: results that came to it more than once, and with other bytes.
        leaks: names and numbers of patients in the log of ``log_lines``.
        exit_status: of the last process, after SIGTERM.
    """

    kills: int
    offered: int
    accepted: int
    uploaded: int
    forgotten: int
    answers: dict[str, int]
    errors: dict[str, int]
    begun: dict[int, int]
    sendings: dict[int, int]
    undelivered: int
    missing: int
    foreign: int
    twice: int
    differing: int
    leaks: tuple[str, ...]
    log_lines: int
    exit_status: int
    seconds: float

    @property
    def is_whole(self) -> bool:
        """Whether each object has one reading and its results, and no name is in the log."""
        return (
            self.accepted + self.uploaded == self.offered
            and self.answers == {"done": self.offered}
            and not (self.forgotten or self.undelivered or self.missing or self.foreign)
            and not (self.differing or self.leaks or self.exit_status)
        )


@dataclass
class Load:
    """Senders that offer each radiograph until it is accepted."""

    node_port: int
    http_port: int
    stores: Queue[Sent] = field(default_factory=Queue)
    uploads: Queue[Sent] = field(default_factory=Queue)
    accepted: dict[str, Sent] = field(default_factory=dict)
    answered: dict[str, Sent] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def unfinished(self) -> int:
        return self.stores.unfinished_tasks + self.uploads.unfinished_tasks

    @contextmanager
    def running(self) -> Iterator[None]:
        work = [self._store] * SENDERS + [self._upload]
        threads = [threading.Thread(target=one, daemon=True) for one in work]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.ended.set()
            for thread in threads:
                thread.join(30)

    def _store(self) -> None:
        while not self.ended.is_set():
            try:
                item = self.stores.get(timeout=0.2)
            except Empty:
                continue
            while not self.ended.is_set():
                if send(item.data, self.node_port) == 0x0000:
                    self.accepted[item.uid] = item
                    break
                self.ended.wait(0.1)
            self.stores.task_done()

    def _upload(self) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.http_port}", timeout=30) as client:
            while not self.ended.is_set():
                try:
                    item = self.uploads.get(timeout=0.2)
                except Empty:
                    continue
                while not self.ended.is_set() and not self._answered(client, item):
                    self.ended.wait(0.1)
                self.uploads.task_done()

    def _answered(self, client: httpx.Client, item: Sent) -> bool:
        """Whether the service took the radiograph or said that it cannot be read."""
        files = {"file": (f"{item.secrets[0]}.dcm", item.data, "application/dicom")}
        try:
            answer = client.post("/v1/readings", files=files)
        except httpx.TransportError:
            return False
        if answer.status_code in (200, 202):
            self.answered[answer.json()["id"]] = item
        return answer.status_code in (200, 202, 422)


def campaign(
    folder: Path, spawn: Callable[[Path, Path], Running], *, kills: int, each: int, seed: int
) -> Outcome:
    """Kill the node ``kills`` times, while for each kill ``each`` radiographs come.

    One in four comes by HTTP, the others by C-STORE. A kill comes when the log has
    grown by a random number of lines, at most by what as many radiographs wrote at first,
    undisturbed: so its moment is random in the work, however slow the machine. One in five falls
    into the start of the process.

    Args:
        folder: for the settings, the data and the log.
        spawn: starts a node with the settings, writing to the log.
    """
    begun = time.monotonic()
    chance = random.Random(seed)
    log = folder / "node.log"
    with pacs() as (pacs_port, received):
        load = Load(free_port(), free_port())
        config = write_settings(folder, load, pacs_port)
        sent: list[Sent] = []
        process = spawn(config, log)
        try:
            with load.running():
                boot = wait_until_open(load.node_port, log)
                store = open_store(ServiceSettings(data=folder / "data"))
                offer(load, sent, each, chance)
                quiet = lines_of(log)
                wait_until_settled(store, load)
                most = lines_of(log) - quiet
                for number in range(kills):
                    offer(load, sent, each, chance)
                    if number % 5 == 4:
                        time.sleep(chance.uniform(0, boot))
                    else:
                        wait_for_lines(log, lines_of(log) + chance.randint(0, most))
                        time.sleep(chance.uniform(0, 0.1))
                    process.kill()
                    process.wait()
                    process = spawn(config, log)
                    if number % 5 != 3:
                        wait_until_open(load.node_port, log)
                wait_until_settled(store, load)
            process.terminate()
            status = process.wait()
        finally:
            process.kill()
    seconds = time.monotonic() - begun
    outcome = count(store, load, received, sent, log.read_bytes(), status, kills, seconds)
    close_store(store)
    return outcome


def spawn_command(config: Path, log: Path) -> Running:
    """``fractura node`` as a person starts it, with bytecode as in an installed package."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(fractura.__file__).parents[1]),
        "PYTHONPYCACHEPREFIX": str(config.with_name("bytecode")),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "fractura.cli", "node", "--config", str(config)],
            stdout=out,
            stderr=out,
            env=environment,
        )


class Forked:
    """A service in a process forked from one that has imported everything: starts fast.

    ``lease_seconds`` is how long a reading or delivery belongs to a process that is dead.
    """

    def __init__(
        self, config: Path, log: Path, lease_seconds: float, command: str = "node"
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.service.kills", *PRELOADED])
        self._process = context.Process(
            target=_run_command, args=(config, log, lease_seconds, command), daemon=True
        )
        self._process.start()

    def signal(self, number: int) -> None:
        assert self._process.pid
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self) -> int:
        self._process.join()
        return self._process.exitcode or 0


def _run_command(config: Path, log: Path, lease_seconds: float, command: str) -> None:
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    readers.LEASE_SECONDS = deliver.LEASE_SECONDS = lease_seconds
    sys.argv = ["fractura", command, "--config", str(config)]
    main()


def make(chance: random.Random) -> Sent:
    """A radiograph of a patient whom nobody else is called."""
    name, identifier, accession = (
        "".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=12)) for _ in range(3)
    )
    uid = f"2.25.{chance.getrandbits(120)}"
    data = radiograph(
        SOPInstanceUID=uid,
        PatientName=f"{name}^Jane",
        PatientID=identifier,
        AccessionNumber=accession,
    )
    return Sent(uid, data, (name, identifier, accession))


def write_settings(folder: Path, load: Load, pacs_port: int) -> Path:
    """Settings of a node that sends its results to the receiver."""
    path = folder / "node.toml"
    path.write_text(
        f"""
data = {json.dumps(str(folder / "data"))}
port = {load.http_port}
[node]
port = {load.node_port}
first_wait_seconds = 0.5
[[node.peers]]
title = "MODALITY"
address = "127.0.0.1"
[[node.destinations]]
name = "pacs"
title = "PACS"
host = "127.0.0.1"
port = {pacs_port}
""",
        "utf-8",
    )
    return path


def free_port() -> int:
    """A port that no connection gets by chance while nobody listens on it."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until_open(port: int, log: Path) -> float:
    """Seconds until something listened on the port."""
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return time.monotonic() - begun
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"the node did not start: {log.read_text()[-1000:]}")


def lines_of(log: Path) -> int:
    """How many lines the log has."""
    return log.read_bytes().count(b"\n")


def wait_for_lines(log: Path, number: int) -> None:
    """Wait until the log has so many lines, or for as long as leases of the dead may last."""
    end = time.monotonic() + 20
    while lines_of(log) < number and time.monotonic() < end:
        time.sleep(0.01)


def offer(load: Load, sent: list[Sent], number: int, chance: random.Random) -> None:
    """Send more radiographs."""
    for _ in range(number):
        sent.append(make(chance))
        (load.stores if len(sent) % 4 else load.uploads).put(sent[-1])


def wait_until_settled(store: ServiceStore, load: Load) -> None:
    """Wait until everything offered is accepted, read and delivered, or nothing goes on."""
    unread = select(func.count()).where(entries.c.state.in_(("queued", "running")))
    waiting = select(func.count()).where(deliveries.c.state == "waiting")
    changed = time.monotonic()
    before: tuple[int, ...] = ()
    while time.monotonic() - changed < PATIENCE:
        unfinished = load.unfinished
        with looking(store) as connection:
            left = (
                unfinished,
                connection.scalar(unread) or 0,
                connection.scalar(waiting) or 0,
            )
        if not any(left):
            break
        if left != before:
            before, changed = left, time.monotonic()
        time.sleep(0.1)


def count(
    store: ServiceStore,
    load: Load,
    received: Received,
    sent: list[Sent],
    log: bytes,
    status: int,
    kills: int,
    seconds: float,
) -> Outcome:
    """Compare what was accepted with the database, the receiver and the log."""
    with looking(store) as connection:
        states = Counter(connection.scalars(select(entries.c.state)))
        failed = select(entries.c.error).where(entries.c.state == "failed")
        errors = Counter(error["type"] for error in connection.scalars(failed))
        begun = Counter(connection.scalars(select(entries.c.attempts)))
        sendings = Counter(connection.scalars(select(deliveries.c.attempts)))
        unsent = connection.scalar(select(func.count()).where(deliveries.c.state != "sent")) or 0
        known = set(connection.scalars(select(instances.c.sop_instance_uid)))
        done = {
            row.id: row.sha256
            for row in connection.execute(select(entries).where(entries.c.state == "done"))
        }
    model = Model("fractura-s").description
    expected = {
        instance_uid(read_source(item.data, name="sent"), model, kind)
        for item in load.accepted.values()
        for kind in MAKERS
    }
    came = Counter(uid for uid, _, _ in received.objects)
    text = log.upper()
    return Outcome(
        kills=kills,
        offered=len(sent),
        accepted=len(load.accepted),
        uploaded=len(load.answered),
        forgotten=len(load.accepted.keys() - known)
        + sum(done.get(id) != sha256(item.data).hexdigest() for id, item in load.answered.items()),
        answers=dict(states),
        errors=dict(errors),
        begun=dict(sorted(begun.items())),
        sendings=dict(sorted(sendings.items())),
        undelivered=unsent,
        missing=len(expected - came.keys()),
        foreign=len(came.keys() - expected),
        twice=sum(number > 1 for number in came.values()),
        differing=len(set(received.objects)) - len(came),
        leaks=tuple(secret for item in sent for secret in item.secrets if secret.encode() in text),
        exit_status=status,
        log_lines=log.count(b"\n"),
        seconds=seconds,
    )
