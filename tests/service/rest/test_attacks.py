"""Hostile visitors: each is refused with the right status, and none meets a fault."""

from __future__ import annotations

import io
import json
import logging
import socket
import struct
import zipfile
import zlib
from http.client import HTTPConnection
from time import monotonic, sleep

import httpx
import pytest

from fractura.service.rest.security import find_token
from fractura.service.settings import Token
from tests.service.rest.conftest import SECRETS

FORM = "multipart/form-data; boundary=b"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def image_bomb(side: int) -> bytes:
    """A PNG of little more than its header that says it is vast."""
    header = struct.pack(">IIBBBBB", side, side, 16, 0, 0, 0, 0)
    zeros = zlib.compress(bytes(100_000))
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zeros), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(10**7))
    return file.getvalue()


def part(name: bytes = b'name="file"; filename="a.png"', data: bytes = b"x") -> bytes:
    return b"--b\r\nContent-Disposition: form-data; " + name + b"\r\n\r\n" + data + b"\r\n"


FORMS = {
    "path in the name": (part(b'name="file"; filename="../../etc/passwd"') + b"--b--\r\n", 422),
    "NUL in the name": (part(b'name="file"; filename="a\x00.png"') + b"--b--\r\n", 422),
    "lines in the name": (part(b'name="file"; filename="a%0d%0aX-Bad: 1"') + b"--b--\r\n", 422),
    "long name": (part(b'name="file"; filename="' + b"a" * 3000 + b'"') + b"--b--\r\n", 422),
    "endless name": (part(b'name="file"; filename="' + b"a" * 50_000 + b'"') + b"--b--\r\n", 400),
    "bytes that are no text": (part(b'name="file"; filename="\xff\xfe"') + b"--b--\r\n", 422),
    "zip bomb": (part(data=zip_bomb()) + b"--b--\r\n", 422),
    "image bomb": (part(data=image_bomb(60_000)) + b"--b--\r\n", 422),
    "vast image": (part(data=image_bomb(2**31 - 1)) + b"--b--\r\n", 422),
    "image too short": (part(data=image_bomb(2000)) + b"--b--\r\n", 422),
    "too many files": (part() * 4 + b"--b--\r\n", 413),
    "very many parts": (part() * 10_000 + b"--b--\r\n", 413),
    "very many fields": (part(b'name="file"') * 10_000 + b"--b--\r\n", 400),
    "huge field": (part(b'name="file"', bytes(10**6)) + b"--b--\r\n", 400),
    "huge request": (part(data=bytes(3 * 10**6)) + b"--b--\r\n", 413),
    "no end": (part(), 400),
    "no end after a file": (part() + part(), 400),
    "no boundary in it": (b"x" * 1000, 400),
    "no name": (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", 400),
    "no headers": (b"--b\r\n\r\nx\r\n--b--\r\n", 400),
    "many headers": (b"--b\r\n" + b"X: 1\r\n" * 5000 + b"\r\nx\r\n--b--\r\n", 400),
    "only the end": (b"--b--\r\n", 422),
    "nothing": (b"", 400),
}


@pytest.mark.parametrize(("body", "status"), FORMS.values(), ids=FORMS)
def test_hostile_forms(guarded, body, status) -> None:
    headers = {"Content-Type": FORM, **guarded.as_role("submit")}
    answer = guarded.client.post("/v1/readings", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "X-Bad" not in answer.headers


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("text/plain", 415),
        ("application/json", 415),
        ("", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=" + "b" * 5000, 400),
        ("multipart/form-data; boundary=b; charset=idna", 422),
        ("multipart/form-data; boundary=b; charset=undefined", 400),
        ("multipart/form-data; boundary=b; charset=\u00ff", 422),
    ],
)
def test_hostile_content_types(guarded, kind, status) -> None:
    headers = {"Content-Type": kind.encode("latin-1"), **guarded.as_role("submit")}
    body = part() + b"--b--\r\n"
    answer = guarded.client.post("/v1/readings", content=body, headers=headers)
    assert answer.status_code == status


ROUTES = [
    ("GET", "/v1/readings", "read"),
    ("GET", "/v1/models", "read"),
    ("GET", "/v1/marks/manifest.jsonl", "read"),
    ("GET", "/metrics", "read"),
    ("POST", "/v1/readings", "submit"),
    ("DELETE", f"/v1/marks/{'0' * 32}", "submit"),
    ("GET", "/v1/deliveries", "admin"),
    ("POST", "/v1/deliveries/retry", "admin"),
]


@pytest.mark.parametrize(("method", "address", "needed"), ROUTES)
def test_each_role_may_do_its_own_and_no_more(guarded, method, address, needed) -> None:
    roles = list(SECRETS)
    for role in roles:
        answer = guarded.client.request(method, address, headers=guarded.as_role(role))
        allowed = roles.index(role) >= roles.index(needed)
        assert (answer.status_code == 403) is not allowed
        assert answer.status_code < 500


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Basic sees",
        "sees",
        "Bearer sees sees",
        "Bearer \x00",
        "Bearer \u00ff",
        "Bearer " + "a" * 20_000,
        "Bearer 6c7d1f5b1e4f9d6e2a6ce1b7d4aa2b1fb9c7e2b1c3c2e5a7f2a6c0b7e1d9f8a3",
    ],
)
@pytest.mark.parametrize("address", ["/v1/readings", "/v1/nothing", "/metrics", "/v1"])
def test_without_a_token_nothing_is_told(guarded, value, address) -> None:
    request = guarded.client.build_request("GET", address)
    if value is not None:
        request.headers = httpx.Headers(
            [*request.headers.raw, (b"authorization", value.encode("latin-1"))]
        )
    try:
        answer = guarded.client.send(request)
    except (httpx.LocalProtocolError, httpx.RemoteProtocolError):
        assert "\x00" in value
        return
    if value and "\x00" in value:
        assert answer.status_code in (400, 401)
        return
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["status"] == 401


def test_two_tokens_are_none(guarded) -> None:
    request = guarded.client.build_request("GET", "/v1/models")
    value = (b"authorization", b"Bearer sees")
    request.headers = httpx.Headers([*request.headers.raw, value, value])
    assert guarded.client.send(request).status_code == 401


def test_every_token_is_compared() -> None:
    from hashlib import sha256

    tokens = [
        Token(name=f"t{number}", sha256=sha256(f"{number}".encode()).hexdigest())
        for number in range(5)
    ]
    for number in range(5):
        assert find_token(tokens, [f"bEaReR  {number} "]) == tokens[number]
    assert find_token(tokens, ["Bearer 5"]) is None
    assert find_token(tokens, []) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "localhost@evil.example"}, 421),
        ({"Host": "localhost/evil.example"}, 421),
        ({"Host": "[::1"}, 421),
        ({"Host": "localhost:1:2"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "127.9.9.9:1"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:9", "Origin": "http://localhost"}, 403),
        ({"Host": "localhost:9", "Origin": "http://localhost:9"}, 200),
        ({"Host": "localhost:9", "Origin": "http://localhost:9.evil.example"}, 403),
    ],
)
def test_other_sites_cannot_use_a_loopback_service(service, headers, status) -> None:
    answer = service.client.get("/v1/models", headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers
    sent = service.client.post("/v1/deliveries/retry", headers=headers)
    assert sent.status_code == status


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/v1/readings/../../etc/passwd", 404),
        ("/v1/readings/..%2f..%2fetc%2fpasswd", 404),
        ("/v1/readings/%00", 422),
        ("/v1/readings/%0d%0aX-Bad:%201", 422),
        ("/v1/readings/" + "a" * 5000, 422),
        ("/v1/readings/" + "A" * 32, 422),
        ("/v1/readings/" + "0" * 32, 404),
        ("/v1/readings/" + "%D9%A0" * 32, 422),
        ("/v1/readings?before=" + "0" * 32, 404),
        ("/v1/readings?before=';drop%20table%20readings", 422),
        ("/v1/readings?limit=0", 422),
        ("/v1/readings?limit=" + "9" * 5000, 422),
        ("/v1/readings?state=%ff", 422),
        ("/v1/readings?lmit=5", 422),
        ("/assets/../index.html", 404),
        ("/assets/..%2f..%2fsettings.py", 404),
        ("/assets/%00", 404),
        ("/assets//etc/passwd", 404),
        ("/nothing", 404),
        ("//evil.example/", 404),
        ("/healthz/", 404),
    ],
)
def test_hostile_addresses(service, address, status) -> None:
    connection = HTTPConnection("127.0.0.1", service.port, timeout=10)  # sends it as it is
    connection.request("GET", address)
    answer = connection.getresponse()
    assert answer.status == status
    assert answer.getheader("content-type") == "application/problem+json"
    assert answer.getheader("x-bad") is None
    assert json.loads(answer.read())["status"] == status
    connection.close()


def test_raw_requests_that_are_no_http(service) -> None:
    for sent in (
        b"\x00" * 1000 + b"\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"POST /v1/readings HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/readings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v1/models HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            connection.sendall(sent)
            head = connection.recv(100)
        assert head.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert service.client.get("/healthz").status_code == 200


def test_answers_tell_browsers_what_they_may_do(service) -> None:
    for address in ("/", "/v1/models", "/nothing", "/v1/readings?limit=0"):
        headers = service.client.get(address).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
        if address.startswith("/v1"):
            assert headers["cache-control"] == "no-store"


def test_a_fault_tells_nothing_but_its_place(service, read_dicom, monkeypatch, caplog) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Doe^Jane")

    monkeypatch.setattr("fractura.service.rest.pictures.stored_pixels", fail)
    with caplog.at_level(logging.INFO):
        answer = service.client.get(f"/v1/readings/{read_dicom}/pixels?")
        wait_for_line(caplog, "GET /v1/readings/{id}/pixels 500")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Doe" not in answer.text + caplog.text
    assert "RuntimeError at" in caplog.text


def wait_for_line(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """The service writes a request's line after it has sent the answer."""
    deadline = monotonic() + 20
    while text not in caplog.text:
        assert monotonic() < deadline, f"{text} is not in the log"
        sleep(0.01)


def test_one_line_a_request_without_names(guarded, dicom, caplog) -> None:
    with caplog.at_level(logging.INFO):
        guarded.client.post(
            "/v1/readings",
            files={"file": ("Doe^Jane.dcm", dicom)},
            headers=guarded.as_role("submit"),
        )
        guarded.client.get("/v1/readings/Doe%0aJane", headers=guarded.as_role("read"))
        wait_for_line(caplog, "GET /v1/readings/{id} 422 ")
    lines = [
        record.getMessage() for record in caplog.records if record.name == "fractura.service.http"
    ]
    assert [line.split(" ms ")[1] for line in lines] == ["who-submit", "who-read"]
    assert lines[0].startswith("POST /v1/readings 200 ")
    assert lines[1].startswith("GET /v1/readings/{id} 422 ")
    said = [record.getMessage() for record in caplog.records if "fractura" in record.name]
    assert not any("Doe" in line or "Jane" in line for line in said)
