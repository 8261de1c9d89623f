"""One visitor cannot starve the others."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fractura.service.rest import readings
from fractura.service.store.errors import DiskFullError, QueueFullError, StoreError
from tests.service.rest.conftest import serving, with_tokens

HEAD = (
    b"POST /v1/readings HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sends\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n"
)
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


def answer_of(port: int, *pieces: bytes, pause: float = 0) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return connection.recv(400)


def test_a_length_beyond_the_limit_is_refused_before_the_body(guarded) -> None:
    head = HEAD + b"Expect: 100-continue\r\nContent-Length: 999999999999\r\n\r\n"
    assert answer_of(guarded.port, head).startswith(b"HTTP/1.1 413 ")
    small = HEAD.replace(b"/v1/readings", b"/v1/deliveries/retry")
    assert answer_of(guarded.port, small + b"Content-Length: 70000\r\n\r\n").startswith(
        b"HTTP/1.1 413 "
    )


def test_a_body_without_a_length_is_measured_while_it_comes(guarded) -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    first = b"%x\r\n%s\r\n" % (len(PART), PART)
    said = answer_of(guarded.port, head, first, *[chunk] * 32, pause=0.005)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in said.lower()


def test_a_body_that_comes_too_slowly_is_given_up(guarded) -> None:
    start = time.monotonic()
    said = answer_of(guarded.port, HEAD + b"Content-Length: 1000\r\n\r\n", PART)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert 1.9 < time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (QueueFullError("full", 7), 429, "7"),
        (DiskFullError("full"), 507, None),
        (StoreError("no answer from Doe^Jane"), 503, "5"),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_what_the_store_refuses(
    service, png, monkeypatch, error, status, retry_after, count
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(readings, "submit", refuse)
    answer = service.client.post("/v1/readings", files=[("file", ("a.png", png))] * count)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == retry_after
    assert "Doe" not in answer.text


def test_only_so_many_requests_at_once(tmp_path) -> None:
    settings = with_tokens(tmp_path, limits={"requests": 2, "deadline_seconds": 3})
    with serving(settings) as running:
        slow = HEAD + b"Content-Length: 1000\r\n\r\n"
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(answer_of, running.port, slow) for _ in range(2)]
            time.sleep(0.5)
            refused = running.client.get("/v1/models", headers=running.as_role("read"))
            alive = running.client.get("/healthz")
            ended = [answer.result() for answer in waiting]
        again = running.client.get("/v1/models", headers=running.as_role("read"))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert alive.status_code == 200
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in ended)
    assert again.status_code == 200


def test_who_waits_too_long_gets_the_address_of_the_answer(guarded, phantom_pngs) -> None:
    process = guarded.process
    release = threading.Event()
    original = process.reader.read

    def read(*arguments: object, **named: object) -> object:
        release.wait(20)
        return original(*arguments, **named)

    process.reader.read = read
    try:
        answer = guarded.client.post(
            "/v1/readings",
            files={"file": ("a.png", phantom_pngs[3].read_bytes())},
            headers=guarded.as_role("submit"),
        )
    finally:
        release.set()
        del process.reader.read
    assert answer.status_code == 202
    assert answer.json()["state"] == "running"
    address = answer.headers["location"]
    for _ in range(100):
        later = guarded.client.get(address, headers=guarded.as_role("read")).json()
        if later["state"] == "done":
            break
        time.sleep(0.05)
    assert later["id"] == answer.json()["id"]
    assert later["state"] == "done"


def test_many_at_once_all_get_their_answer(service, phantom_pngs) -> None:
    contents = [path.read_bytes() for path in phantom_pngs] + [b"no image"]

    def send(number: int) -> tuple[int, int]:
        which = number % len(contents)
        answer = service.client.post("/v1/readings", files={"file": ("a", contents[which])})
        return which, answer.status_code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(80)))
    assert all(status == (422 if which == 4 else 200) for which, status in answers)
    found = service.client.get("/v1/readings").json()["readings"]
    assert len(found) == 5
