"""DICOMweb with archives that answer what they like."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.dicom.network import http, multipart, web
from fractura.dicom.network.errors import ArchiveError, DeliveryError
from fractura.dicom.network.http import allowed_addresses
from fractura.dicom.network.web import InstanceReference, fetch, new_images, stow
from tests.dicom.results.material import radiograph

SINCE = date(2024, 2, 29)
REFERENCE = InstanceReference("1.2.3", "1.2.3.5", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.1")


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def archive(reply: Callable[[Asked], Reply]) -> Iterator[tuple[str, list[Asked]]]:
    """A server that answers with ``reply``; gives its URL and what it was asked."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            split = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Asked(
                self.command, split.path, parse_qs(split.query), dict(self.headers), body
            )
            asked.append(request)
            status, headers, content = reply(request)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/dicom-web", asked
        finally:
            server.shutdown()


def found(*uids: str, **changes: str) -> list[dict[str, object]]:
    """A page of a QIDO-RS answer."""
    tags = {"00080016": REFERENCE.sop_class_uid, "0020000D": "1.2.3", "0020000E": "1.2.3.5"}
    return [
        {
            tag: {"vr": "UI", "Value": [value]}
            for tag, value in {**tags, "00080018": uid, **changes}.items()
        }
        for uid in uids
    ]


def as_json(content: object, status: int = 200) -> Reply:
    return status, {"Content-Type": "application/dicom+json"}, json.dumps(content).encode()


def as_parts(*objects: bytes) -> Reply:
    content_type, body = multipart.join(objects)
    return 200, {"Content-Type": content_type}, body


def test_a_query_goes_through_all_pages_and_both_modalities():
    stored = {"CR": [f"1.{number}" for number in range(250)], "DX": ["2.1"]}

    def reply(asked: Asked) -> Reply:
        (modality,), (offset,) = asked.query["Modality"], asked.query["offset"]
        # This archive gives fewer at once than it is asked for.
        page = stored[modality][int(offset) : int(offset) + 60]
        return as_json(found(*page)) if page else (204, {}, b"")

    with archive(reply) as (url, asked):
        references = list(new_images(url, "secret", ["CR", "DX"], SINCE))
    assert [item.sop_instance_uid for item in references] == stored["CR"] + stored["DX"]
    assert references[0].study_uid == "1.2.3"
    assert asked[0].path == "/dicom-web/instances"
    assert asked[0].query["StudyDate"] == ["20240229-"]
    assert asked[0].headers["Authorization"] == "Bearer secret"


def test_an_archive_that_always_gives_the_same_page_is_asked_twice():
    with archive(lambda _: as_json(found("1.1", "1.2"))) as (url, asked):
        assert len(list(new_images(url, None, ["CR"], SINCE))) == 2
    assert len(asked) == 2
    assert "Authorization" not in asked[0].headers


@pytest.mark.parametrize(
    "bad", ["../../patients", "1.2/../3", "1.2?x=y", "", "1" * 65, "..", "1.2\n"]
)
def test_identifiers_that_would_change_an_address_are_left_out(bad):
    pages = iter([found("1.1") + found("1.2", **{"0020000D": bad}) + found(bad), []])
    with archive(lambda _: as_json(next(pages))) as (url, _):
        assert [item.sop_instance_uid for item in new_images(url, None, ["CR"], SINCE)] == ["1.1"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["00080018", "0020000D", "Value", "00081198"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_answer_of_an_archive_raises_anything_else(content):
    answer = http.HttpResponse(200, "application/dicom+json", json.dumps(content).encode())
    assert web._reference(content) is None
    assert isinstance(web._failed(answer), dict)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (as_json({"a": 1}), "something else than a list"),
        ((200, {"Content-Type": "text/html"}, b"<html>" * 100), "something else than a list"),
        ((200, {}, b"[" * 100_000), "something else than a list"),
        ((401, {}, b""), "refuses our token"),
        ((500, {}, b"Doe^Jane"), "does not answer a query .status 500"),
        ((302, {"Location": "http://169.254.169.254/"}, b""), "another address, which is not"),
        ((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"), "compresses"),
        ((200, {"Content-Length": "1000"}, b"[]"), "does not answer .RemoteProtocolError"),
    ],
)
def test_a_query_that_is_not_answered_says_why(reply, sentence):
    with (
        archive(lambda _: reply) as (url, asked),
        pytest.raises(ArchiveError, match=sentence) as caught,
    ):
        list(new_images(url, "secret", ["CR"], SINCE))
    assert url in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "Doe" not in str(caught.value)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "reply", [(200, {}, b""), (206, {}, b" \r\n"), (204, {}, b""), as_json([])]
)
def test_an_empty_answer_is_no_match(reply):
    with archive(lambda _: reply) as (url, asked):
        assert list(new_images(url, None, ["CR", "DX"], SINCE)) == []
    assert len(asked) == 2


def test_a_partial_answer_is_one_page_of_matches():
    pages = [as_json(found("1.2", "1.3"), 206), as_json(found("1.4"), 200), (200, {}, b"")]
    with archive(lambda _: pages.pop(0)) as (url, _):
        images = list(new_images(url, None, ["CR"], SINCE))
    assert [image.sop_instance_uid for image in images] == ["1.2", "1.3", "1.4"]


def test_an_object_comes_as_it_is_stored():
    data = radiograph()
    with archive(lambda _: as_parts(data)) as (url, asked):
        assert fetch(url, None, REFERENCE) == data
    assert asked[0].path == "/dicom-web/studies/1.2.3/series/1.2.3.5/instances/1.2.3.4"
    assert "transfer-syntax=*" in asked[0].headers["Accept"]


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (as_parts(radiograph(SOPInstanceUID="1.2.3.99")), "another object than it was asked for"),
        (as_parts(b"nothing"), "a damaged object"),
        (as_parts(radiograph()[:300]), "a damaged object"),
        (as_parts(), "no object"),
        (as_parts(radiograph(), radiograph()), "no object"),
        ((200, {"Content-Type": "text/html"}, b"Doe^Jane"), "no object but 'text/html'"),
        ((404, {}, b""), "status 404"),
    ],
)
def test_what_is_not_the_object_is_not_taken(reply, sentence):
    with archive(lambda _: reply) as (url, _), pytest.raises(ArchiveError, match=sentence):
        fetch(url, None, REFERENCE)


def test_an_answer_without_an_end_or_without_haste_is_cut_off(monkeypatch):
    monkeypatch.setattr(web, "MAX_FILE_BYTES", 1000)
    with (
        archive(lambda _: as_parts(radiograph())) as (url, _),
        pytest.raises(ArchiveError, match="larger than 1,000 bytes"),
    ):
        fetch(url, None, REFERENCE)
    monkeypatch.setattr(http, "TIMEOUT", 0.2)
    with archive(lambda _: time.sleep(1) or as_parts()) as (url, _):
        start = time.monotonic()
        with pytest.raises(ArchiveError, match="ReadTimeout"):
            fetch(url, None, REFERENCE)
        assert time.monotonic() - start < 0.9


@given(st.binary(max_size=200), st.text(max_size=60))
def test_no_body_and_no_field_breaks_the_parser(body, field):
    for content_type in (field, 'multipart/related; boundary="x"', f"multipart/related; {field}"):
        part = multipart.only_part(content_type, b"--x" + body)
        assert part is None or part in body


@given(st.binary(max_size=300))
def test_one_part_comes_back_as_it_went_in(data):
    content_type, body = multipart.join([data])
    assert multipart.only_part(content_type, body) == data
    assert multipart.only_part(content_type, b"preamble\r\n" + body + b"epilogue") == data
    for cut in range(len(data), len(body) - 4):
        assert multipart.only_part(content_type, body[:cut]) is None


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "169.254.1.1", "0.0.0.0", "100.100.100.200", "168.63.129.16"),
        *("fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "::"),
        *("2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "224.0.0.1", "255.255.255.255"),
        "2002:a9fe:a9fe::",
    ],
)
def test_addresses_that_no_archive_has_are_not_asked(host):
    with pytest.raises(ArchiveError, match=r"is no address of an archive|no such host"):
        allowed_addresses(host)


def test_a_name_is_asked_at_the_address_that_was_checked(monkeypatch):
    """A name that leads elsewhere the second time leads nowhere."""
    answers = iter(["127.0.0.1", "169.254.169.254"])

    def resolve(host: str, port: object, **_: object) -> list[object]:
        assert host == "archive.example"
        return [(2, 1, 6, "", (next(answers), 0))]

    with archive(lambda _: as_json([])) as (url, asked):
        monkeypatch.setattr(http.socket, "getaddrinfo", _only_names(resolve))
        named = url.replace("127.0.0.1", "archive.example")
        assert list(new_images(named, None, ["CR"], SINCE)) == []
        with pytest.raises(ArchiveError, match=r"169\.254\.169\.254 is no address of an archive"):
            list(new_images(named, None, ["CR"], SINCE))
    assert len(asked) == 1
    assert asked[0].headers["Host"].startswith("archive.example:")


def _only_names(resolve: Callable[..., list[object]]) -> Callable[..., object]:
    real = http.socket.getaddrinfo
    return lambda host, *rest, **more: (
        real(host, *rest, **more) if host == "127.0.0.1" else resolve(host, *rest, **more)
    )


def test_results_are_stored_in_one_request():
    objects = [radiograph(), radiograph(SOPInstanceUID="1.2.3.9")]
    with archive(lambda _: as_json({})) as (url, asked):
        stow(objects, url, "secret")
    (request,) = asked
    assert (request.method, request.path) == ("POST", "/dicom-web/studies")
    assert request.headers["Content-Type"].startswith('multipart/related; type="application/dicom"')
    assert all(data in request.body for data in objects)
    assert request.headers["Authorization"] == "Bearer secret"


def failed(uid: str, reason: int) -> dict[str, object]:
    item = {"00081155": {"vr": "UI", "Value": [uid]}, "00081197": {"vr": "US", "Value": [reason]}}
    return {"00081198": {"vr": "SQ", "Value": [item]}}


@pytest.mark.parametrize(
    ("reply", "sentence", "statuses"),
    [
        (as_json(failed("1.2.3.9", 0xA700), 202), r"1 of 2 .* .reason 0xA700", (0, 0xA700)),
        (as_json(failed("1.2.3.9", 0x0122)), r"1 of 2 .* .reason 0x0122", (0, 0x0122)),
        ((202, {"Content-Type": "text/plain"}, b""), "status 202", (None, None)),
        ((409, {}, b""), "status 409", (None, None)),
        ((503, {}, b""), "status 503", (None, None)),
        ((403, {}, b""), "refuses our token", (None, None)),
        ((307, {"Location": "/elsewhere"}, b""), "another address", (None, None)),
    ],
)
def test_what_was_not_stored_is_said(reply, sentence, statuses):
    objects = [radiograph(), radiograph(SOPInstanceUID="1.2.3.9")]
    with (
        archive(lambda _: reply) as (url, _),
        pytest.raises(DeliveryError, match=sentence) as caught,
    ):
        stow(objects, url, "secret")
    assert caught.value.statuses == statuses
    assert "secret" not in str(caught.value)
