"""A reading as one page to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepInFrame, Spacer, Table

from fractura.findings import Reading
from fractura.imaging.draw import heat
from fractura.imaging.enhance import enhance, resize
from fractura.imaging.radiograph import Radiograph
from fractura.imaging.save import to_8_bit
from fractura.imaging.style import DECISION_COLOURS
from fractura.reading.calibration import OperatingPoints
from fractura.service.render.letters import (
    BOLD,
    FADED,
    FONT,
    INK,
    UNKNOWN,
    fitting,
    is_whole,
    paragraph,
)
from fractura.service.render.panels import (
    DrawnOutline,
    Panels,
    ProbabilityScale,
    colour_of,
    drawn_outline,
    model_outline,
    percent,
)
from fractura.version import __version__

if TYPE_CHECKING:
    from fractura.service.store.marks import Mark

NOTICE = "For research and education; not a certified medical device."
_MARGIN = 42.0
_LINE = HexColor(0xC8C8C8)
_FINDINGS, _MARKS, _WARNINGS = 6, 4, 4
"""How many of each are listed; the page says how many more there are."""
_PICTURES_AT_LEAST = 150.0
_LONG_SIDE = 1600
"""Of the pictures, in pixels: 450 an inch where they are largest."""


def report_pdf(
    radiograph: Radiograph,
    reading: Reading,
    entry_id: str,
    made: datetime,
    *,
    points: OperatingPoints,
    model_sha256: str,
    marks: Sequence[Mark] = (),
) -> bytes:
    """One page of A4 that says what the model read, on what grounds, and what people say of it.

    It holds no patient's name, no identifier and no file name; what people write in their notes
    stands there as they wrote it. Fonts are embedded. The same arguments give the same bytes.

    Args:
        radiograph: what was read.
        reading: where it has a heatmap, that stands beside the boxes, else the radiograph with
            its contrast raised.
        entry_id: of the reading in the service.
        made: when it was read, with its time zone.
        points: the model's operating points.
        model_sha256: of the model's file.
        marks: of people on this reading.
    """
    reading = replace(reading, findings=points.listed(reading.decision, reading.findings))
    marks = sorted(marks, key=lambda mark: mark.created_at)
    width, height = A4[0] - 2 * _MARGIN, A4[1] - 2 * _MARGIN
    above = [*_head(made, width), *_verdict(reading, points, width)]
    below = [
        *_findings(reading, points, radiograph.spacing_mm, width),
        *_marks(marks, width),
        *_warnings(reading, width),
    ]
    foot = _provenance(radiograph, reading, entry_id, model_sha256, width)
    room = height - sum(part.wrap(width, height)[1] for part in (*above, *below, foot))
    panels = _panels(radiograph, reading, points, marks, (width, max(room, _PICTURES_AT_LEAST)))
    gap = Spacer(0, max(0.0, room - panels.height))
    page = KeepInFrame(width, height, [*above, panels, *below, gap, foot], mode="shrink")
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1, initialFontName=FONT, lang="en-GB")
    canvas.setTitle("Fracture reading")
    canvas.setAuthor(f"fractura {__version__}")
    canvas.setCreator(f"fractura {__version__}")
    canvas.setSubject("What a model read in one radiograph")
    canvas.setDateFormatter(lambda *now: f"D:{made.astimezone(UTC):%Y%m%d%H%M%S}Z")
    page.wrapOn(canvas, width, height)
    page.drawOn(canvas, _MARGIN, A4[1] - _MARGIN - page.height)
    canvas.save()
    return buffer.getvalue()


def _head(made: datetime, width: float) -> list[Flowable]:
    row = [
        paragraph("Fracture reading", 15, bold=True),
        paragraph(f"Read {_moment(made)}", 8, colour=FADED, right=True),
    ]
    return [
        _table([row], [0.5 * width, 0.5 * width], [("VALIGN", (0, 0), (-1, -1), "BOTTOM")]),
        paragraph(NOTICE, 8, colour=FADED),
        Spacer(0, 8),
    ]


def _verdict(reading: Reading, points: OperatingPoints, width: float) -> list[Flowable]:
    plate = Table(
        [[reading.decision.upper()]],
        style=[
            ("FONT", (0, 0), (-1, -1), BOLD, 12),
            ("BACKGROUND", (0, 0), (-1, -1), colour_of(DECISION_COLOURS[reading.decision])),
            ("ALIGN", (0, 0), (-1, -1), "CENTER"),
            ("TOPPADDING", (0, 0), (-1, -1), 5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
        ],
        colWidths=[130],
    )
    words = [paragraph(f"Probability of a fracture: {percent(reading.probability)}", 11, bold=True)]
    explained = _explained(reading, points, width)
    if reading.decision == "not evaluated":
        sentence = reading.reason.sentence if reading.reason else "nothing can be said about bone"
        words = [paragraph(f"{sentence[:1].upper()}{sentence[1:]}.", 11, bold=True)]
        explained = [
            paragraph("This reading says neither that there is a fracture nor that there is none.")
        ]
    if reading.region is not None and reading.region_probability is not None:
        share = percent(reading.region_probability)
        words.append(paragraph(f"Region: {reading.region} (probability {share})", 9))
    return [
        _table([[plate, words]], [142, width - 142], [("VALIGN", (0, 0), (-1, -1), "MIDDLE")]),
        Spacer(0, 4),
        *explained,
        Spacer(0, 8),
    ]


def _explained(reading: Reading, points: OperatingPoints, width: float) -> list[Flowable]:
    """The probability on its scale, and what the limits between the decisions mean."""
    sure, likely = points.high_sensitivity.probability, points.high_specificity.probability
    return [
        ProbabilityScale(reading.probability, points, width),
        Spacer(0, 2),
        paragraph(
            f"Below {percent(sure)} the reading says no fracture; this limit, the high-sensitivity "
            "operating point, is set low so that few fractures fall below it. From "
            f"{percent(likely)} on it says fracture; this limit, the high-specificity operating "
            "point, is set high so that few radiographs without a fracture reach it. Between the "
            "two it is uncertain. The probability is calibrated: where fractures are as common as "
            "in the radiographs that set the scale, "
            f"{_in_100(reading.probability)} in 100 radiographs with this value show one. "
            "A reading of no fracture rules nothing out.",
            7.5,
            colour=FADED,
        ),
    ]


def _in_100(probability: float) -> str:
    count = round(100 * probability)
    return "fewer than 1" if count < 1 else "more than 99" if count > 99 else f"about {count}"


def _panels(
    radiograph: Radiograph,
    reading: Reading,
    points: OperatingPoints,
    marks: Sequence[Mark],
    room: tuple[float, float],
) -> Panels:
    outlines = [
        model_outline(finding.box, number, finding.score, points)
        for number, finding in enumerate(reading.findings, 1)
    ]
    outlines += _drawn(marks)
    pixels = radiograph.pixels
    if max(pixels.shape) > _LONG_SIDE:
        pixels = resize(pixels, _LONG_SIDE)
    if reading.heatmap is None:
        second, title = to_8_bit(enhance(pixels)), "Contrast enhanced"
    else:
        second, title = heat(pixels, reading.heatmap), "Where the model saw evidence (coarse)"
    return Panels(
        [to_8_bit(pixels), second],
        ["Radiograph as read", title],
        outlines,
        (radiograph.width, radiograph.height),
        room,
    )


def _drawn(marks: Sequence[Mark]) -> list[DrawnOutline]:
    boxes = [mark.box for mark in marks if mark.box is not None]
    return [drawn_outline(box, _letter(number)) for number, box in enumerate(boxes)]


def _findings(
    reading: Reading,
    points: OperatingPoints,
    spacing_mm: tuple[float, float] | None,
    width: float,
) -> list[Flowable]:
    title = paragraph("Suspected fractures", 9, bold=True)
    if not reading.findings:
        text = "No place is marked: no box of the model reaches an operating point."
        if reading.decision == "no fracture":
            text = "No place is marked, because the reading says no fracture."
        elif reading.decision == "not evaluated":
            text = "No place is marked, because the radiograph was not evaluated."
        return [Spacer(0, 8), title, paragraph(text)]
    rows = [["", "Score", "Operating point reached", "Left, top", "Width × height", "In mm"]]
    for number, finding in enumerate(reading.findings[:_FINDINGS], 1):
        solid = finding.score >= points.high_specificity.box_score
        box = finding.box
        rows.append(
            [
                str(number),
                f"{finding.score:.2f}",
                "high specificity (solid)" if solid else "high sensitivity alone (dashed)",
                f"{box.x_min:.0f}, {box.y_min:.0f}",
                f"{box.width:.0f} × {box.height:.0f}",
                "not known"
                if spacing_mm is None
                else f"{box.width * spacing_mm[1]:.0f} × {box.height * spacing_mm[0]:.0f}",
            ]
        )
    more = len(reading.findings) - _FINDINGS
    note = (
        "Score: calibrated probability that the box marks a fracture. Places in pixels of the "
        "original image, from its top left corner."
    )
    if more > 0:
        note = f"{more} more with lower scores are in the picture alone. {note}"
    if spacing_mm is not None:
        note += " Millimetres as the file gives its pixel spacing, without regard to magnification."
    shares = (0.05, 0.1, 0.35, 0.17, 0.18, 0.15)
    return [Spacer(0, 8), title, _ruled(rows, shares, width), *_remark(note)]


def _marks(marks: Sequence[Mark], width: float) -> list[Flowable]:
    if not marks:
        return []
    shares = (0.05, 0.15, 0.15, 0.22, 0.43)
    rows: list[list[Any]] = [["", "Mark", "By", "When", "Note"]]
    boxes = 0
    for mark in marks[:_MARKS]:
        rows.append(
            [
                "" if mark.box is None else _letter(boxes),
                "missed fracture" if mark.kind == "missed" else mark.kind,
                fitting(mark.who, shares[2] * width, 1),
                _moment(mark.created_at),
                fitting(mark.note, shares[4] * width, 2),
            ]
        )
        boxes += mark.box is not None
    notes = []
    if any(mark.box for mark in marks):
        notes.append("Boxes with letters are theirs.")
    if (more := len(marks) - _MARKS) > 0:
        notes.append(f"{more} more are in the service.")
    if not all(is_whole(mark.note) for mark in marks[:_MARKS]):
        notes.append(f"Letters that this page cannot print are shown as {UNKNOWN}.")
    return [
        Spacer(0, 8),
        paragraph("Marks of people", 9, bold=True),
        _ruled(rows, shares, width),
        *_remark(" ".join(notes)),
    ]


def _warnings(reading: Reading, width: float) -> list[Flowable]:
    if not reading.warnings:
        return []
    texts = [f"{text[:1].upper()}{text[1:]}." for text in reading.warnings]
    if len(texts) > _WARNINGS:
        texts[_WARNINGS:] = [f"{len(texts) - _WARNINGS} more are in the service."]
    return [
        Spacer(0, 8),
        paragraph("Warnings", 9, bold=True),
        *(fitting(text, width, 2) for text in texts),
    ]


def _provenance(
    radiograph: Radiograph,
    reading: Reading,
    entry_id: str,
    model_sha256: str,
    width: float,
) -> Table:
    spacing = ""
    if radiograph.spacing_mm is not None:
        row, column = radiograph.spacing_mm
        spacing = f", {row:g} × {column:g} mm a pixel (row, column)"
    rows = [
        ["Model", f"{reading.model}, fractura {__version__}"],
        ["Model file, SHA-256", model_sha256],
        [
            "Image",
            f"{reading.width} × {reading.height} pixels, {radiograph.bits} bits{spacing}",
        ],
        ["Image file, SHA-256", reading.sha256],
        ["Reading", entry_id],
    ]
    cells = [[paragraph(cell, 7, colour=FADED) for cell in row] for row in rows]
    style = [("LINEABOVE", (0, 0), (-1, 0), 0.5, _LINE), ("TOPPADDING", (0, 0), (-1, 0), 4)]
    return _table(cells, [0.2 * width, 0.8 * width], style)


def _table(rows: list[list[Any]], widths: list[float], style: list[Any]) -> Table:
    """Without padding, so that texts start at the margin."""
    bare: list[Any] = [("FONT", (0, 0), (-1, -1), FONT, 8)]
    for side in ("LEFT", "RIGHT", "TOP", "BOTTOM"):
        bare.append((f"{side}PADDING", (0, 0), (-1, -1), 0))
    return Table(rows, widths, style=[*bare, *style], hAlign="LEFT")


def _remark(text: str) -> list[Flowable]:
    return [Spacer(0, 2), paragraph(text, 7, colour=FADED)] if text else []


def _ruled(rows: list[list[Any]], shares: Sequence[float], width: float) -> Table:
    style = [
        ("FONT", (0, 0), (-1, 0), FONT, 7),
        ("TEXTCOLOR", (0, 0), (-1, 0), FADED),
        ("FONT", (0, 1), (0, -1), BOLD, 8),
        ("TEXTCOLOR", (0, 1), (-1, -1), INK),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    return _table(rows, [share * width for share in shares], style)


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else str(number + 1)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
