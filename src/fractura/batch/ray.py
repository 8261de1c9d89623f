"""Read any number of radiographs with Ray Data, on this machine or on a cluster.

Each worker is a Ray actor of one processor that opens the model once. Lists of paths go to the
workers and lines of text come back: no image passes through Ray's object store.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field, replace
from hashlib import file_digest, sha256
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any

from fractura.batch.read_files import failure
from fractura.errors import FracturaError, ModelError
from fractura.findings import Failure, Reading
from fractura.parallel import map_in_order, processors
from fractura.reading.model import model_path
from fractura.reading.reader import Reader
from fractura.version import __version__

LOCAL = "local"
"""The address that starts Ray on this machine."""

FILES_A_TASK = 256
"""Most files that are handed to a worker, and repeated if it dies, at once."""

FILES_A_WORKER = 20_000
"""Files in one Ray Data pipeline for each worker, so that starting workers costs little."""

MOST_FILES = 2_000_000
"""Files in one Ray Data pipeline, so that the list of them stays in memory."""

_FETCHES = 4
_PATIENCE = 10.0
"""Seconds until a cluster must have answered."""
_OBJECT_STORE_BYTES = 256 * 1024**2

Fetch = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A file to read, and what is known of it.

    Attributes:
        path: of a file, or the address of an object (``s3://bucket/key``).
        sha256: hexadecimal SHA-256 of its bytes when it was read; ``None`` if it was not.
        said: the decision then, ``"failed"``, or ``None`` if the file is new.
    """

    path: str
    sha256: str | None = None
    said: str | None = None


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of some entries.

    Attributes:
        lines: a reading or a failure in its JSON form a line.
        read: how many lines there are of each decision, and of ``"failed"``.
        held: how many entries were left alone, since the bytes are those that were read before.
        replaced: the entries for which there is now another line than before.
    """

    lines: bytes = b""
    read: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    replaced: tuple[BatchItem, ...] = ()

    @property
    def files(self) -> int:
        """How many files this speaks of."""
        return self.read.total() + self.held.total()


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """What, besides the file, decides how it is read; alike on every machine of a cluster."""

    version: str
    model: str
    model_sha256: str
    frame: int | None
    all_findings: bool


def settings_for(model: str, *, frame: int | None, all_findings: bool) -> BatchSettings:
    """The settings of a run; ``frame`` and ``all_findings`` as in :meth:`Reader.read_file`.

    Raises:
        ModelError: the model cannot be opened here.
    """
    Reader(model, threads=1)
    return BatchSettings(__version__, model, _sha256(model_path(model)), frame, all_findings)


@contextmanager
def cluster(address: str, workers: int | None) -> Iterator[int]:
    """Start or join Ray, and leave it; one that this process has joined before is used as it is.

    Args:
        address: :data:`LOCAL`, ``"auto"`` or a cluster's (``"ray://host:10001"``).
        workers: how many are wanted; by default one a processor of the machine or the cluster.

    Yields:
        The number of workers.

    Raises:
        FracturaError: Ray is not installed, or nothing answers at the address.
    """
    ray = _import_ray()
    _see_that_it_answers(address)
    if ray.is_initialized():
        yield workers or _processors_of(ray)
        return
    local: dict[str, Any] = {
        "num_cpus": workers or processors(),
        "object_store_memory": _OBJECT_STORE_BYTES,
        "include_dashboard": False,
    }
    try:
        with _silent():
            ray.init(
                address,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **(local if address == LOCAL else {}),
            )
    except Exception as error:
        raise FracturaError(
            f"--ray {address}: Ray could not be reached ({str(error).splitlines()[0]}); "
            "give the address of a running cluster, or local. A cluster that wants a token gets it "
            "by RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
        ) from error
    try:
        yield workers or _processors_of(ray)
    finally:
        ray.shutdown()


def read_with_ray(
    entries: Iterable[BatchItem],
    settings: BatchSettings,
    workers: int,
    *,
    fetch: Fetch | None = None,
) -> Generator[BatchOutcome, None, None]:
    """Read files inside :func:`cluster`, in any order, at constant memory.

    The task of a worker that dies is repeated. A file that takes down the next worker too becomes
    a failure, as does a file that cannot be read.

    Args:
        entries: may be an endless stream.
        settings: from :func:`settings_for`.
        workers: actors with one processor each.
        fetch: gives the bytes of an object at an address; importable on every machine.

    Raises:
        ModelError: a worker has another model or another version of fractura.
        FracturaError: the cluster is lost.
    """
    stream = iter(entries)
    while chunk := list(islice(stream, min(MOST_FILES, FILES_A_WORKER * workers))):
        size = min(FILES_A_TASK, ceil(len(chunk) / (8 * workers)))
        tasks = [chunk[start : start + size] for start in range(0, len(chunk), size)]
        yield from _run(tasks, settings, workers, fetch)


def answer(outcomes: Iterable[tuple[BatchItem, Reading | Failure | None]]) -> BatchOutcome:
    """Put outcomes together; ``None`` stands for an entry that was left alone."""
    lines, read, held, replaced = [], Counter[str](), Counter[str](), []
    for entry, outcome in outcomes:
        if outcome is None:
            held[str(entry.said)] += 1
            continue
        read["failed" if isinstance(outcome, Failure) else outcome.decision] += 1
        lines.append(json.dumps(outcome.as_dict()).encode() + b"\n")
        if entry.said is not None:
            replaced.append(entry)
    return BatchOutcome(b"".join(lines), read, held, tuple(replaced))


def is_address(path: str) -> bool:
    """Whether it names an object in a store, not a file."""
    return "://" in path


class _Attempts:
    """Remembers, in an actor, which tasks were begun and at which entries they ended."""

    def __init__(self) -> None:
        self._reading: dict[int, int | None] = {}
        self._ended: dict[int, list[int]] = {}

    def begin(self, task: int) -> list[int] | None:
        """The entries at which watched attempts ended; ``None`` for the first attempt."""
        if task not in self._reading:
            self._reading[task] = None
            return None
        ended = self._ended.setdefault(task, [])
        last = self._reading[task]
        if last is not None:
            ended.append(last)
        self._reading[task] = None
        return ended

    def reach(self, task: int, entry: int) -> None:
        """Note, in a watched attempt, the entry that is read next."""
        self._reading[task] = entry

    def end(self, task: int) -> None:
        """Forget a task that is done."""
        self._reading.pop(task, None)
        self._ended.pop(task, None)


class _Worker:
    """Reads the entries of one task after the other; lives in an actor.

    The first attempt at a task runs freely. Later ones say which entry comes next, one by one, so
    that an entry at which one of them ended is known and passed over.
    """

    def __init__(
        self, settings: BatchSettings, folder: str, fetch: Fetch | None, attempts: Any
    ) -> None:
        import cv2

        cv2.setNumThreads(1)
        with suppress(OSError):  # relative paths are relative to where the command was given
            os.chdir(folder)
        found = replace(settings, version=__version__, model_sha256=_model_sha256(settings.model))
        if found != settings:
            raise ModelError(
                f"a machine of the cluster has fractura {found.version} with another model "
                f"{settings.model} or none; install fractura {settings.version} and the same "
                "model file, under the same path, on all of them"
            )
        self._settings = settings
        self._fetch = fetch
        self._attempts = attempts
        self._reader = Reader(settings.model, threads=1)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        import ray

        task = row["task"]
        entries = [BatchItem(*values) for values in json.loads(row["entries"])]
        ended = ray.get(self._attempts.begin.remote(task))
        outcomes: Iterator[Reading | Failure | None]
        if ended is None:
            at_once = _FETCHES if any(is_address(entry.path) for entry in entries) else 1
            outcomes = map_in_order(self._outcome, entries, at_once)
        else:
            outcomes = self._watched(task, entries, ended)
        said = answer(zip(entries, outcomes, strict=True))
        self._attempts.end.remote(task)
        counts = [said.read, said.held, [astuple(entry) for entry in said.replaced]]
        return {"task": task, "lines": said.lines, "counts": json.dumps(counts)}

    def _watched(
        self, task: int, entries: Sequence[BatchItem], ended: Sequence[int]
    ) -> Iterator[Reading | Failure | None]:
        import ray

        for number, entry in enumerate(entries):
            if number in ended:
                yield _worker_died(entry.path)
            else:
                ray.get(self._attempts.reach.remote(task, number))
                yield self._outcome(entry)

    def _outcome(self, entry: BatchItem) -> Reading | Failure | None:
        try:
            if self._fetch and is_address(entry.path):
                return self._read_object(entry, self._fetch)
            if entry.sha256 and _sha256(Path(entry.path)) == entry.sha256:
                return None
            return self._reader.read_file(
                entry.path, frame=self._settings.frame, all_findings=self._settings.all_findings
            )
        except Exception as error:
            return failure(entry.path, error)

    def _read_object(self, entry: BatchItem, fetch: Fetch) -> Reading | None:
        data = fetch(entry.path)
        if entry.sha256 and sha256(data).hexdigest() == entry.sha256:
            return None
        return self._reader.read_bytes(
            data,
            name=entry.path,
            frame=self._settings.frame,
            all_findings=self._settings.all_findings,
        )


def _run(
    tasks: Sequence[Sequence[BatchItem]], settings: BatchSettings, workers: int, fetch: Fetch | None
) -> Iterator[BatchOutcome]:
    ray = _import_ray()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Attempts).remote()
    rows = [
        {"task": number, "entries": json.dumps([astuple(entry) for entry in task])}
        for number, task in enumerate(tasks)
    ]
    answers = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        _Worker,
        fn_constructor_args=(settings, str(Path.cwd()), fetch, attempts),
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows))),
        num_cpus=1,
    )
    try:
        for row in answers.iter_rows():
            read, held, replaced = json.loads(row["counts"])
            yield BatchOutcome(
                row["lines"],
                Counter(read),
                Counter(held),
                tuple(BatchItem(*old) for old in replaced),
            )
    except ray.exceptions.RayError as error:
        if "No module named 'fractura'" in str(error):
            raise FracturaError(
                "a machine of the cluster has no fractura; install fractura[ray] on all of them"
            ) from error
        if "ModelError: " in str(error):
            raise ModelError(str(error).rpartition("ModelError: ")[2].strip()) from error
        raise FracturaError(
            f"Ray stopped ({str(error).splitlines()[0]}); what was read is kept, "
            "give the command again to go on"
        ) from error


def _import_ray() -> Any:
    """Ray, which neither reports its use nor logs to the terminal.

    Raises:
        FracturaError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_LOG_LEVEL", "CRITICAL")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise FracturaError('--ray needs Ray: pip install "fractura[ray]"') from error
    return ray


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing reaches stderr, not even from libraries in C++; Ray greets there when it starts."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _see_that_it_answers(address: str) -> None:
    """Fail at once where nothing listens; Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise FracturaError(
            f"--ray {address}: nothing answers there ({error}); give the address of a running "
            "cluster, or local"
        ) from error


def _processors_of(ray: Any) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _worker_died(path: str) -> Failure:
    message = f"{path}: workers died when they read the file; see if they have enough memory"
    return Failure(path, "WorkerDiedError", message)


def _model_sha256(model: str) -> str:
    try:
        return _sha256(model_path(model))
    except ModelError:
        return "none"


def _sha256(path: Path) -> str:
    """Of a regular file's bytes; an empty text for anything else."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
