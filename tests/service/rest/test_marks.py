"""Marks, models, deliveries and the figures."""

from __future__ import annotations

import hashlib

import pytest

from fractura.datasets.storage import read_manifest
from fractura.reading.model import model_path

BOX = [10.0, 20.0, 30.5, 40.0]


def test_marks_are_kept_exported_and_taken_back(service, read_dicom, tmp_path) -> None:
    address = f"/v1/readings/{read_dicom}/marks"
    sent = {"kind": "missed", "box": BOX, "note": "ulna, <b>distal</b>\n\u00fc"}
    made = service.client.post(address, json=sent)
    assert made.status_code == 201
    mark = made.json()
    assert {name: mark[name] for name in sent} == sent
    assert (mark["who"], mark["reading_id"]) == ("local", read_dicom)
    assert service.client.get(address).json() == {"marks": [mark]}
    export = service.client.get("/v1/marks/manifest.jsonl")
    (tmp_path / "marks.jsonl").write_bytes(export.content)
    (record,) = read_manifest(tmp_path / "marks.jsonl").records
    assert record.label == "fracture"
    assert BOX in [annotation.box.as_list() for annotation in record.annotations]
    assert service.client.delete(f"/v1/marks/{mark['id']}").status_code == 204
    assert service.client.delete(f"/v1/marks/{mark['id']}").status_code == 404
    assert service.client.get(address).json() == {"marks": []}
    assert service.client.get("/v1/marks/manifest.jsonl").content == b""


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind": "agree", "box": [1, 2, NaN, 4]}',
        b'{"kind": "agree", "box": [1, 2, 1e999, 4]}',
        b'{"kind": "agree", "box": [30, 2, 10, 4]}',
        b'{"kind": "agree", "box": [0, 0, 201, 240]}',
        b'{"kind": "agree", "box": [1, 2, 3]}',
        b'{"kind": "maybe"}',
        b'{"kind": "agree", "note": "a\\u0000b"}',
        b'{"kind": "agree", "note": "\\ud800"}',
        b'{"kind": "agree", "\\ud800": 1}',
        b'{"kind": "agree", "role": "admin"}',
        b'{"kind": "agree", "note": "' + b"x" * 2001 + b'"}',
        b'{"kind": ',
        b"\xff\xfe",
        b"",
        b"[" * 30_000,
        b'{"box": [' + b"9" * 5000 + b", 2, 3, 4]}",
    ],
)
def test_marks_that_mean_nothing_are_refused(service, read_dicom, body) -> None:
    answer = service.client.post(
        f"/v1/readings/{read_dicom}/marks",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert service.client.get(f"/v1/readings/{read_dicom}/marks").json() == {"marks": []}


def test_the_model_says_what_it_is(service) -> None:
    (model,) = service.client.get("/v1/models").json()["models"]
    assert model["name"] == "fractura-s"
    sha256 = hashlib.sha256(model_path("fractura-s").read_bytes()).hexdigest()
    assert model["sha256"] == sha256
    points = model["operating_points"]
    assert points["high_sensitivity"]["probability"] < points["high_specificity"]["probability"]


def test_without_dead_letters_there_is_nothing_to_retry(service) -> None:
    assert service.client.get("/v1/deliveries").json() == {"deliveries": []}
    assert service.client.post("/v1/deliveries/retry").json() == {"retried": 0}


def test_health_and_figures(service, read_dicom) -> None:
    assert service.client.get("/healthz").json() == {"status": "ok"}
    assert service.client.get("/readyz").json() == {"status": "ok"}
    figures = service.client.get("/metrics").text
    assert 'fractura_queue{state="done"} 1.0' in figures
    route = '{method="POST",route="/v1/readings",status="200"}'
    assert f"fractura_http_requests_total{route} 1.0" in figures
