"""Load the running service, and measure its speed, its memory, and what hostile uploads do to it.

``fractura serve`` is started with an empty folder of its own and sent made-up radiographs (PNG,
373 x 454) over kept connections. Fresh images differ in their bytes, so that each is read. Nothing
is asserted: the figures are printed as JSON, and written with ``--out``.

    python benchmarks/service_load.py
    python benchmarks/service_load.py --clients 1 8 64 --requests 20000 --out load.json

Needs ``fractura[serve]`` and psutil. ``--requests`` is how many the memory is watched over; a
hundredth of them are the fresh images of each row of the first table, a twentieth those that were
read before, and a tenth the requests with hostile uploads among them. ``processor ms`` is the
processor time of the service a request: it depends less on what else the machine does.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import psutil

from fractura.imaging.phantom import make_phantom

IMAGES = 64
"""Different radiographs."""
ROUNDS = 2
HOSTILE_SHARE = 0.1
BOUNDARY = "fractura-load"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
MIX = {
    "seen before": 40,
    "list": 20,
    "thumbnail.jpg": 20,
    "display": 4,
    "pixels": 4,
    "marks": 4,
    "fresh": 3,
    "findings?minimum=0.001": 2,
    "overlay.png": 1,
    "enhanced.png": 1,
    "heatmap.png": 0.5,
    "report.pdf": 0.5,
}
"""Shares of the requests that a page makes while a person looks through readings."""


@dataclass(frozen=True)
class Asked:
    """One request."""

    kind: str
    method: str
    path: str
    body: bytes | None = None
    content_type: str = FORM


@dataclass(frozen=True)
class Answered:
    """Its answer; status 0 where there was none."""

    kind: str
    status: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    images = [as_png(seed) for seed in range(IMAGES)]
    with tempfile.TemporaryDirectory() as folder, service(Path(folder)) as (server, port, log):
        load(port, 1, IMAGES, partial(seen, images))
        with urlopen(f"http://127.0.0.1:{port}/v1/readings?limit={IMAGES}") as answer:
            ids = [document["id"] for document in json.load(answer)["readings"]]
        figures = {
            "machine": {
                "processors": os.cpu_count(),
                "processor": platform.processor() or platform.machine(),
                "load average": os.getloadavg(),
            },
            "speed": speed(server, port, images, options, Path(folder)),
            "memory": memory(server, port, images, ids, options),
            "hostile": hostile(port, images, options),
            "faults in the log": log.read_text().count(" ERROR "),
        }
    text = json.dumps(figures, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text)


@contextmanager
def service(folder: Path) -> Iterator[tuple[psutil.Process, int, Path]]:
    """The running service: its process, its port and its log."""
    command = [sys.executable, "-m", "fractura.cli", "serve", "--port", "0"]
    log = folder / "log"
    with log.open("wb") as file:
        running = subprocess.Popen(
            [*command, "--data", str(folder / "data")], stdout=file, stderr=file
        )
    try:
        while not (found := re.search(r"listens on http://[^ ]*:(\d+)", log.read_text())):
            if running.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.1)
        yield psutil.Process(running.pid), int(found[1]), log
    finally:
        running.terminate()
        running.wait()


def load(port: int, clients: int, requests: int, make: Callable[[int], Asked]) -> list[Answered]:
    """Make and send the requests 0, 1, …, each client one at a time."""
    numbers = count()
    answers: list[Answered] = []

    def client() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        while (number := next(numbers)) < requests:
            answers.append(ask(connection, make(number)))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def ask(connection: HTTPConnection, asked: Asked) -> Answered:
    headers = {"Content-Type": asked.content_type} if asked.body is not None else {}
    start, status = time.perf_counter(), 0
    try:
        connection.request(asked.method, asked.path, asked.body, headers)
        response = connection.getresponse()
        response.read()
        status = response.status
    except (OSError, HTTPException):
        connection.close()
    return Answered(asked.kind, status, time.perf_counter() - start)


def as_png(seed: int) -> bytes:
    import cv2

    pixels = make_phantom(seed).radiograph.pixels
    return bytes(cv2.imencode(".png", np.round(255 * pixels).astype(np.uint8))[1])


def with_comment(png: bytes, text: str) -> bytes:
    """The same picture in a file of other bytes."""
    chunk = b"tEXtComment\0" + text.encode()
    framed = (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
    return png[:33] + framed + png[33:]


def form(data: bytes, field: str = "file") -> bytes:
    head = f'Content-Disposition: form-data; name="{field}"; filename="a.png"'
    return b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (
        BOUNDARY.encode(), head.encode(), data, BOUNDARY.encode()
    )  # fmt: skip


def upload(kind: str, data: bytes) -> Asked:
    return Asked(kind, "POST", "/v1/readings", form(data))


def fresh(images: list[bytes], run: str, number: int) -> Asked:
    return upload("fresh", with_comment(images[number % IMAGES], f"{run} {number}"))


def seen(images: list[bytes], number: int) -> Asked:
    return upload("seen before", images[number % IMAGES])


def speed(
    server: psutil.Process,
    port: int,
    images: list[bytes],
    options: argparse.Namespace,
    folder: Path,
) -> list[dict[str, Any]]:
    """Requests a second, milliseconds, and the service's processor time; the methods in turns."""
    few, many = options.requests // 100 // ROUNDS, options.requests // 20 // ROUNDS
    paths = [folder / f"{number}.png" for number in range(IMAGES)]
    for path, data in zip(paths, images, strict=True):
        path.write_bytes(data)
    taken: dict[tuple[str, int], list[Taken]] = {}
    for round_ in range(ROUNDS):
        for threads in (1, 2):
            with get_context("spawn").Pool(1) as pool:
                measured = pool.apply(bare, (paths, threads, few))
            taken.setdefault(("model alone", threads), []).append(measured)
        for clients in options.clients:
            make = partial(fresh, images, f"{round_} {clients}")
            measured = served(server, port, clients, few, make)
            taken.setdefault(("fresh", clients), []).append(measured)
            measured = served(server, port, clients, many, partial(seen, images))
            taken.setdefault(("seen before", clients), []).append(measured)
    return [
        {"what": kind, "at once": at_once, **summed(rounds)}
        for (kind, at_once), rounds in sorted(taken.items())
    ]


@dataclass(frozen=True)
class Taken:
    """Seconds in all, of each, and of processors."""

    whole: float
    each: list[float]
    processor: float


def summed(rounds: list[Taken]) -> dict[str, float]:
    each = [seconds for taken in rounds for seconds in taken.each]
    return {
        "n": len(each),
        "a second": round(len(each) / sum(taken.whole for taken in rounds), 1),
        **percentiles(each),
        "processor ms": round(1000 * sum(taken.processor for taken in rounds) / len(each), 1),
    }


def served(
    server: psutil.Process, port: int, clients: int, requests: int, make: Callable[[int], Asked]
) -> Taken:
    start, spent = time.perf_counter(), processor_seconds(server)
    answers = load(port, clients, requests, make)
    whole, spent = time.perf_counter() - start, processor_seconds(server) - spent
    return Taken(whole, [answer.seconds for answer in answers if answer.status == 200], spent)


def processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def bare(paths: list[Path], threads: int, requests: int) -> Taken:
    """What the model takes for files without a service."""
    import cv2

    from fractura import Reader

    cv2.setNumThreads(1)
    reader = Reader(threads=1)
    reader.read_file(paths[0])

    def timed(number: int) -> float:
        start = time.perf_counter()
        reader.read_file(paths[number % IMAGES])
        return time.perf_counter() - start

    start, spent = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        times = list(pool.map(timed, range(requests)))
    return Taken(time.perf_counter() - start, times, time.process_time() - spent)


def percentiles(seconds: list[float]) -> dict[str, float]:
    half, most = 1000 * np.percentile(seconds, (50, 95))
    return {"p50 ms": round(half, 1), "p95 ms": round(most, 1)}


def memory(
    server: psutil.Process,
    port: int,
    images: list[bytes],
    ids: list[str],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Resident memory of all the service's processes while the mix is asked for."""
    asked, clients = 0, max(options.clients)
    samples: list[tuple[int, float]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            samples.append((asked, resident_mib(server)))

    def make(number: int) -> Asked:
        nonlocal asked
        asked = number
        return mixed(images, ids, number)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    answers = load(port, clients, options.requests, make)
    seconds = time.perf_counter() - start
    ended.set()
    watcher.join()
    numbers, mib = np.array(samples).T
    late = numbers >= options.requests / 2
    return {
        "requests": options.requests,
        "clients": clients,
        "seconds": round(seconds),
        "samples": len(samples),
        "MiB at each tenth": [
            round(float(np.interp(options.requests * part / 10, numbers, mib)), 1)
            for part in range(11)
        ],
        "peak MiB": round(float(mib.max()), 1),
        "second half, MiB per 1000 requests": round(
            1000 * float(np.polyfit(numbers[late], mib[late], 1)[0]), 3
        ),
        "statuses": dict(sorted(Counter(answer.status for answer in answers).items())),
        "milliseconds": {
            kind: {
                "n": sum(answer.kind == kind for answer in answers),
                **percentiles([answer.seconds for answer in answers if answer.kind == kind]),
            }
            for kind in MIX
        },
    }


def resident_mib(process: psutil.Process) -> float:
    total = 0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += one.memory_info().rss
    return total / 2**20


def mixed(images: list[bytes], ids: list[str], number: int) -> Asked:
    """A request of the mix."""
    drawn = random.Random(number)
    kind = drawn.choices(list(MIX), list(MIX.values()))[0]
    if kind == "seen before":
        return seen(images, drawn.randrange(IMAGES))
    if kind == "fresh":
        return fresh(images, "mix", number)
    if kind == "list":
        return Asked(kind, "GET", "/v1/readings?limit=50")
    return Asked(kind, "GET", f"/v1/readings/{drawn.choice(ids)}/{kind}")


def hostile(port: int, images: list[bytes], options: argparse.Namespace) -> dict[str, Any]:
    """How often each kind of request met each status."""
    clients = max(options.clients)
    answers = load(port, clients, options.requests // 10, partial(perhaps_hostile, images))
    found: dict[str, Counter[int]] = {}
    for answer in answers:
        found.setdefault(answer.kind, Counter())[answer.status] += 1
    return {
        "clients": clients,
        "requests": len(answers),
        "statuses": {kind: dict(sorted(found[kind].items())) for kind in sorted(found)},
        "5xx": sum(answer.status >= 500 for answer in answers),
        "no answer": sum(answer.status == 0 for answer in answers),
    }


def perhaps_hostile(images: list[bytes], number: int) -> Asked:
    drawn = random.Random(number)
    if drawn.random() < HOSTILE_SHARE:
        return attack(drawn, images[number % IMAGES], number)
    if drawn.random() < 0.1:
        return fresh(images, "hostile", number)
    return seen(images, number)


def attack(drawn: random.Random, image: bytes, number: int) -> Asked:
    """One of the things that a hostile or broken client sends."""
    png = with_comment(image, f"attack {number}")
    noise = drawn.randbytes(drawn.randrange(1, 100_000))
    ends = f"--{BOUNDARY}--\r\n".encode()
    return drawn.choice(
        (
            upload("truncated", png[: drawn.randrange(1, len(png) - 12)]),
            upload("text", f"{number} is no radiograph\n".encode() * 100),
            upload("zip", zipped(noise)),
            upload("huge dimensions", huge(number)),
            upload("random bytes", noise),
            upload("random bytes after a DICOM preamble", bytes(128) + b"DICM" + noise),
            upload("empty file", b""),
            Asked("wrong field", "POST", "/v1/readings", form(png, "picture")),
            Asked("form without files", "POST", "/v1/readings", ends),
            Asked("form cut off", "POST", "/v1/readings", form(png)[:-1000]),
            Asked("form of random bytes", "POST", "/v1/readings", noise),
            Asked("form without boundary", "POST", "/v1/readings", png, "multipart/form-data"),
            Asked("another type", "POST", "/v1/readings", b"{}", "application/json"),
            Asked("unknown parameter", "POST", f"/v1/readings?frmae={number}", form(png)),
            Asked("frame beyond any", "POST", f"/v1/readings?frame={10**20}", form(png)),
            Asked("unknown id", "GET", f"/v1/readings/{number:032x}/overlay.png"),
        )
    )


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", data)
    return file.getvalue()


def huge(number: int) -> bytes:
    """A PNG whose header claims 60000 x 60000 pixels."""
    header = b"IHDR" + (60_000).to_bytes(4) * 2 + bytes((8, 0, 0, 0, 0))
    body = b"IDAT" + zlib.compress(bytes(100_000) + number.to_bytes(4))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
        for chunk in (header, body, b"IEND")
    )


if __name__ == "__main__":
    main()
