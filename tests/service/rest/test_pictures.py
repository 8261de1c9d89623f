"""What is made of a reading's image."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pydicom
import pytest
from PIL import Image

from fractura.imaging.load import load_bytes
from fractura.imaging.stored import stored_pixels
from fractura.service.store.retention import sweep

WIDTH, HEIGHT = 200, 240
PICTURES = {
    "overlay.png": "image/png",
    "overlay.png?heatmap=true": "image/png",
    "heatmap.png": "image/png",
    "enhanced.png": "image/png",
    "thumbnail.jpg": "image/jpeg",
}


@pytest.mark.parametrize(("name", "media_type"), PICTURES.items())
def test_pictures(service, read_dicom, name, media_type) -> None:
    answer = service.client.get(f"/v1/readings/{read_dicom}/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    picture = Image.open(io.BytesIO(answer.content))
    if name == "thumbnail.jpg":
        assert (picture.size, picture.mode) == ((160, 192), "L")
    elif name == "heatmap.png":
        assert (picture.size, picture.mode) == ((WIDTH, HEIGHT), "RGBA")
    elif name == "enhanced.png":
        assert (picture.size, picture.mode) == ((WIDTH, HEIGHT), "L")
    else:
        assert picture.mode == "RGB"


def test_pixels_are_those_of_the_file(service, dicom, read_dicom) -> None:
    display = service.client.get(f"/v1/readings/{read_dicom}/display").json()
    answer = service.client.get(f"/v1/readings/{read_dicom}/pixels")
    values = np.frombuffer(answer.content, "<u2").reshape(display["rows"], display["columns"])
    stored = stored_pixels(dicom)
    np.testing.assert_array_equal(values, stored.values)
    assert (display["rows"], display["columns"], display["bits"]) == (HEIGHT, WIDTH, 12)
    assert (display["minimum"], display["maximum"]) == (values.min(), values.max())
    assert display["window"] == {"center": stored.window_center, "width": stored.window_width}


def test_findings_go_down_to_the_score(service, dicom, read_dicom) -> None:
    address = f"/v1/readings/{read_dicom}/findings"
    said = service.process.reader.read(load_bytes(dicom), all_findings=True)
    everything = service.client.get(address).json()["findings"]
    assert everything == [finding.as_dict() for finding in said.findings]
    some = service.client.get(address, params={"minimum": 0.01}).json()["findings"]
    assert some == [finding for finding in everything if finding["score"] >= 0.01]
    assert 0 < len(some) < len(everything)


@pytest.mark.parametrize(("kind", "modality"), [("sr", "SR"), ("gsps", "PR"), ("sc", "CR")])
def test_results_in_dicom_are_the_same_each_time(service, read_dicom, kind, modality) -> None:
    address = f"/v1/readings/{read_dicom}/{kind}.dcm"
    first, second = service.client.get(address), service.client.get(address)
    assert first.content == second.content
    assert first.headers["content-type"] == "application/dicom"
    assert first.headers["content-disposition"] == f'attachment; filename="{read_dicom}-{kind}.dcm"'
    result = pydicom.dcmread(io.BytesIO(first.content))
    assert result.StudyInstanceUID == "1.2.3"
    assert result.Modality in (modality, "OT")


def test_the_report_is_a_pdf_without_the_patients_name(service, read_dicom) -> None:
    answer = service.client.get(f"/v1/readings/{read_dicom}/report.pdf")
    assert answer.content.startswith(b"%PDF-")
    assert answer.headers["content-type"] == "application/pdf"
    assert b"Doe" not in answer.content


def test_pictures_have_no_result_in_dicom(service, png) -> None:
    reading = service.client.post("/v1/readings", files={"file": ("a.png", png)}).json()
    answer = service.client.get(f"/v1/readings/{reading['id']}/sr.dcm")
    assert answer.status_code == 409


def test_nothing_is_made_of_what_failed_or_is_gone(service) -> None:
    failed = service.client.post("/v1/readings", files={"file": ("a.png", b"no image")}).json()
    name = f"/v1/readings/{failed['reading']}/overlay.png"
    assert service.client.get(name).status_code == 409
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "PNG")
    send = {"file": ("a.png", file.getvalue())}
    reading = service.client.post("/v1/readings", files=send).json()
    sweep(service.process.store, datetime.now(UTC) + timedelta(days=2))
    names = [*PICTURES, "pixels", "display", "findings", "report.pdf", "sr.dcm"]
    addresses = [f"/v1/readings/{reading['id']}/{name}" for name in names]
    assert {service.client.get(address).status_code for address in addresses} == {410}
    kept = service.client.get(f"/v1/readings/{reading['id']}").json()
    assert (kept["image_kept"], kept["reading"]) == (False, reading["reading"])
    service.client.post("/v1/readings", files=send)
    assert {service.client.get(address).status_code for address in addresses} == {200, 409}
