"""Sending radiographs."""

from __future__ import annotations

import time
from datetime import datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.imaging.load import load_bytes
from fractura.service.rest.uploads import NAME_LENGTH, display_name
from fractura.service.store import tables
from fractura.service.store.audit import audit_lines
from fractura.service.store.open import writing

LONG_AGO = "2000-01-01T00:00:00+00:00"


def without_times(reading: dict) -> dict:
    return {**reading, "milliseconds": None}


def test_one_file_gives_what_fractura_detect_says_and_twice_is_one_reading(service, png) -> None:
    answers = [
        service.client.post("/v1/readings", files={"file": (name, png)})
        for name in ("wrist.png", "again.png")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    first, second = (answer.json() for answer in answers)
    said = service.process.reader.read(load_bytes(png)).as_dict()
    assert without_times(first["reading"]) == without_times(said)
    assert first == second
    assert first["state"] == "done"
    assert first["finished_at"].endswith("Z")
    assert not first["is_dicom"]
    assert service.client.get(f"/v1/readings/{first['id']}").json() == first


def test_a_dicom_file_may_be_the_whole_body(service, dicom, read_dicom) -> None:
    answer = service.client.post(
        "/v1/readings", content=dicom, headers={"Content-Type": "application/dicom"}
    )
    assert answer.json()["id"] == read_dicom
    assert answer.json()["is_dicom"]


def test_several_files_give_a_job_in_their_order(service, phantom_pngs) -> None:
    contents = [
        phantom_pngs[2].read_bytes(),
        b"no image",
        phantom_pngs[3].read_bytes(),
        phantom_pngs[2].read_bytes(),
    ]
    names = ["../../b.png", "C:\\x\\notes\u202e.txt", "c\r\nd.png", ""]
    files = [("file", (name or "blob", data)) for name, data in zip(names, contents, strict=True)]
    answer = service.client.post("/v1/readings", files=files)
    assert answer.status_code == 202
    address = answer.headers["location"]
    while (job := service.client.get(address).json())["state"] == "running":
        time.sleep(0.05)
    assert address == f"/v1/jobs/{job['id']}"
    shown = [item["name"] for item in job["items"]]
    assert shown[:2] == ["b.png", "notes.txt"]
    assert all(name.isprintable() for name in shown)
    states = [item["reading"]["state"] for item in job["items"]]
    assert states == ["done", "failed", "done", "done"]
    assert job["items"][0]["reading"] == job["items"][3]["reading"]
    assert job["items"][1]["error"] == {
        "type": "UnsupportedFileError",
        "message": "the image: it is not a PNG, JPEG, TIFF, BMP, WebP or DICOM image",
    }


def test_what_ended_the_process_too_often_is_read_when_it_is_sent_again(service, png) -> None:
    store = service.process.store
    first = service.client.post("/v1/readings", files={"file": ("x.png", png)}).json()
    error = {"type": "CrashedError", "message": "the image: the service ended 5 times"}
    with writing(store) as connection:
        failed = {"state": "failed", "result": None, "error": error, "attempts": 5}
        connection.execute(
            tables.readings.update().where(tables.readings.c.id == first["id"]).values(failed)
        )
    listed = service.client.get(f"/v1/readings/{first['id']}").json()
    assert (listed["state"], listed["error"]) == ("failed", error)
    answer = service.client.post("/v1/readings", files={"file": ("x.png", png)})
    assert answer.status_code == 200
    again = answer.json()
    assert (again["id"], again["state"]) == (first["id"], "done")
    assert without_times(again["reading"]) == without_times(first["reading"])
    lines = audit_lines(store, datetime.fromisoformat(LONG_AGO), 1000)
    retries = [(line.who, line.sha256) for line in lines if line.action == "retry"]
    assert retries == [("local", sha256(png).hexdigest())]


def test_an_image_that_cannot_be_read_is_a_problem_and_stays_in_the_list(service) -> None:
    answer = service.client.post(
        "/v1/readings", files={"file": ("x.png", b"\x89PNG\r\n\x1a\n broken")}
    )
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["error"] == "DamagedFileError"
    kept = service.client.get(f"/v1/readings/{problem['reading']}").json()
    assert (kept["state"], kept["reading"]) == ("failed", None)
    assert kept["error"] == {"type": problem["error"], "message": problem["detail"]}
    failed = service.client.get("/v1/readings", params={"state": "failed"}).json()["readings"]
    assert kept in failed


def test_a_frame_that_is_not_there_is_a_problem(service, dicom) -> None:
    send = service.client.post
    answer = send("/v1/readings", params={"frame": 7}, files={"file": ("a.dcm", dicom)})
    assert answer.status_code == 422
    assert answer.json()["error"] == "LoadError"


def test_pages_hold_every_reading_once_newest_first(service, png, read_dicom) -> None:
    service.client.post("/v1/readings", files={"file": ("wrist.png", png)})
    whole = service.client.get("/v1/readings", params={"limit": 500}).json()
    assert whole["next"] is None
    paged, before = [], None
    while True:
        page = service.client.get(
            "/v1/readings", params={"limit": 1, **({"before": before} if before else {})}
        ).json()
        paged += page["readings"]
        before = page["next"]
        if before is None:
            break
    assert paged == whole["readings"]
    moments = [reading["created_at"] for reading in paged]
    assert moments == sorted(moments, reverse=True)


def test_who_sent_what_is_in_the_audit_log(guarded, png) -> None:
    reading = guarded.client.post(
        "/v1/readings", files={"file": ("Doe^Jane.png", png)}, headers=guarded.as_role("submit")
    ).json()
    lines = audit_lines(guarded.process.store, datetime.fromisoformat(LONG_AGO), 1000)
    assert ("who-submit", "submit", reading["reading"]["sha256"]) in [
        (line.who, line.action, line.sha256) for line in lines
    ]
    assert "Doe" not in str(lines)


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"picture": ("a.png", b"x")}, 422),
        ({"file": (None, b"text, no file")}, 422),
        ([("file", ("a.png", b"x")), ("note", ("b.png", b"x"))], 422),
    ],
)
def test_a_form_with_something_else_is_refused(service, files, status) -> None:
    answer = service.client.post("/v1/readings", files=files)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@given(st.text(max_size=300))
def test_names_are_fit_to_be_shown(name) -> None:
    shown = display_name(name)
    assert len(shown) <= NAME_LENGTH
    assert shown.isprintable()
    assert "/" not in shown
    assert "\\" not in shown
    assert display_name(shown) == shown
    shown.encode()
