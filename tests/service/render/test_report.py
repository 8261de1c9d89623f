"""The report: one page, all that must stand on it, and nothing that must not."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pypdf
import pytest

from fractura.findings import Box, Finding
from fractura.service.render.letters import legible
from fractura.service.render.report import NOTICE, report_pdf
from tests.service.render.material import (
    ID,
    MADE,
    POINTS,
    SHA256,
    heatmap,
    mark,
    radiograph,
    reading,
)

MODEL_SHA256 = "cd" * 32


def report(radiograph_changes: Any = (), marks: Any = (), **changes: Any) -> bytes:
    return report_pdf(
        radiograph(**dict(radiograph_changes)),
        reading(**changes),
        ID,
        MADE,
        points=POINTS,
        model_sha256=MODEL_SHA256,
        marks=marks,
    )


def opened(data: bytes) -> tuple[pypdf.PdfReader, str]:
    """The document and its text, blanks between words made single."""
    document = pypdf.PdfReader(io.BytesIO(data))
    assert len(document.pages) == 1
    return document, " ".join(document.pages[0].extract_text().split())


def test_it_says_what_was_read_and_on_what_grounds() -> None:
    document, text = opened(report({"spacing_mm": (0.2, 0.1)}, heatmap=heatmap()))
    assert text.count(NOTICE) == 1
    for part in (
        "Read 2026-01-02 03:04 UTC",
        "FRACTURE Probability of a fracture: 61.2 %",
        "Region: leg (probability 90.0 %)",
        "Below 10.0 % the reading says no fracture",
        "From 40.0 % on it says fracture",
        "about 61 in 100 radiographs with this value show one",
        "Where the model saw evidence (coarse)",
        "1 0.80 high specificity (solid) 20, 40 40 × 50 4 × 10",
        "2 0.10 high sensitivity alone (dashed) 100, 120 40 × 60 4 × 12",
        "Model fractura-s 5, fractura ",
        f"Model file, SHA-256 {MODEL_SHA256}",
        "200 × 240 pixels, 12 bits, 0.2 × 0.1 mm a pixel (row, column)",
        f"Image file, SHA-256 {SHA256}",
        f"Reading {ID}",
    ):
        assert part in text, part
    assert "0.01" not in text  # below both operating points
    assert "Marks of people" not in text
    assert "Warnings" not in text
    page = document.pages[0]
    assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]
    assert len(page.images) == 2
    assert document.metadata is not None
    assert document.metadata.creation_date == MADE


def test_every_font_is_embedded() -> None:
    document, _ = opened(report())
    fonts = document.pages[0]["/Resources"]["/Font"].get_object()
    described = [font.get_object()["/FontDescriptor"] for font in fonts.values()]
    assert len(described) == 2
    assert all("/FontFile2" in font for font in described)


def test_without_a_heatmap_the_enhanced_radiograph_stands_there() -> None:
    _, text = opened(report(decision="no fracture", probability=0.002, region=None))
    assert "NO FRACTURE Probability of a fracture: 0.2 %" in text
    assert "Contrast enhanced" in text
    assert "No place is marked, because the reading says no fracture." in text
    assert "set the scale, fewer than 1 in 100 radiographs" in text
    assert "Region" not in text


def test_marks_of_people_and_their_boxes() -> None:
    marks = [
        mark("missed", Box(10, 10, 50, 60), "styloid <img src='file:///etc/passwd'/> & more", 2),
        mark("agree", None, "Müller-Łukasz: Żółć, ş, 骨折 \x07", 1),
    ]
    _, text = opened(report(marks=marks))
    assert "agree dr-lee 2026-01-02 03:05 UTC Müller-Łukasz: Zółć, ş, ?? ?" in text
    assert "A missed fracture dr-lee 2026-01-02 03:06 UTC styloid <img" in text
    assert "Boxes with letters are theirs. Letters that this page cannot print" in text
    assert text.index("agree dr-lee") < text.index("A missed")


@pytest.mark.parametrize(("width", "height"), [(200, 240), (900, 100), (64, 1500), (1000, 750)])
def test_however_much_there_is_it_stays_one_legible_page(width: int, height: int) -> None:
    findings = tuple(
        Finding("fracture", 0.9 - 0.02 * number, Box(number, number, number + 20, number + 30))
        for number in range(40)
    )
    marks = [mark("missed", Box(1, 2, 3, 4), "W" * 5000, minute) for minute in range(60)]
    data = report(
        {"width": width, "height": height},
        marks,
        width=width,
        height=height,
        findings=findings,
        warnings=("the picture is unlike those that the model knows " * 30,) * 9,
    )
    _, text = opened(data)
    for part in ("34 more with lower scores", "56 more are in the service", "5 more are in the"):
        assert part in text
    assert f"Reading {ID}" in text


def test_the_same_arguments_give_the_same_bytes() -> None:
    marks = [mark("agree", None, "yes")]
    assert report(marks=marks) == report(marks=marks)
    later = report_pdf(
        radiograph(),
        reading(),
        ID,
        MADE + timedelta(minutes=1),
        points=POINTS,
        model_sha256=MODEL_SHA256,
        marks=marks,
    )
    assert later != report(marks=marks)


def test_threads_do_not_disturb_each_other() -> None:
    texts = [f"{number} {'äöüßéñ'[number % 6] * 9}" for number in range(8)]
    alone = [report(marks=[mark("agree", None, text)]) for text in texts]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda text: report(marks=[mark("agree", None, text)]), texts))
    assert together == alone


def test_the_file_of_a_radiograph_is_not_named() -> None:
    data = report({"path": "/home/Doe^Jane/wrist.png"}, path="/home/Doe^Jane/wrist.png")
    document, text = opened(data)
    assert "Doe" not in text
    assert "wrist" not in text
    assert b"Doe" not in data
    assert "Doe" not in str(document.metadata)


def test_letters_that_the_font_lacks() -> None:
    assert legible("ą\u0301 e\u0301 Ω") == "a é Ω"
    assert legible("Ж\n\tx\u0302") == "? x"
