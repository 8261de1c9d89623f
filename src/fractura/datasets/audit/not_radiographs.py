"""Images that are no plain radiographs of bones, by explicit rules with measured thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.examine import Examination
from fractura.datasets.audit.grouping import plural
from fractura.datasets.audit.result import AuditProblem, Check
from fractura.datasets.record import Record

Picture = NDArray[np.uint8]

COLOURED = 0.005
"""Share of coloured pixels; 0 in all 6,231 FracAtlas and Roboflow JPEG files."""

COLOURFULNESS = 6.0
"""Colourfulness above which a picture without strong colours is tinted."""

CONTRAST = 0.005
"""Standard deviation of the grey values in 0..1; at least 0.020 in 6,242 radiographs."""

PEAKEDNESS = 4.5
"""Kurtosis of the gradients; at least 4.99 in 6,242 radiographs, 99 % of them above 8.9."""

STEEPNESS = 32.0
"""Mean gradient in 0..255 for each pixel of the picture; at most 31.4 in 6,242 radiographs."""

DETAIL = 0.00015
"""Share of a picture's variance in its finest detail; at least 0.0002 in 6,242 radiographs."""

PAGE = 0.97
"""Share of the outermost pixels that are white; at most 0.951 in 6,242 radiographs."""

PAGE_WHITE = 0.15
"""Share of white pixels of a page in the whole image."""

GUTTER = 200
"""Grey value that every pixel of a line across the picture reaches, and by which it exceeds the
darkest of the lines on either side."""

_NEARBY = 8
_MARGIN = 0.12
_FOREIGN_MODALITIES = {
    "MR": "magnetic resonance",
    "CT": "computed tomography",
    "US": "ultrasound",
    "NM": "nuclear medicine",
    "PT": "positron emission tomography",
    "MG": "mammography",
    "ES": "endoscopy",
    "SM": "slide microscopy",
    "GM": "general microscopy",
    "OP": "ophthalmic photography",
    "XC": "photography",
    "ECG": "electrocardiography",
    "DOC": "document",
}


@dataclass(frozen=True)
class _Rule:
    """What speaks against an image being a plain radiograph.

    Attributes:
        name: stable, for programs.
        words: follows "3 images".
        figure: what was measured.
        measure: the figure if the rule is broken, else ``None``.
    """

    name: str
    words: str
    figure: str
    measure: Callable[[Record, Examination, Picture], float | str | None]


def check(
    records: Sequence[Record],
    examinations: Sequence[Examination],
    pictures: Sequence[Picture | None],
) -> Check:
    """Flag images that are no plain radiographs, each under the first rule that it breaks.

    Args:
        records, examinations: of the same images in the same order.
        pictures: their shrunken grey pictures, uint8 ``[h, w]``; ``None`` where unreadable.
    """
    flagged: dict[str, dict[str, float | str]] = {rule.name: {} for rule in _RULES}
    seen = 0
    for position, (record, examination) in enumerate(zip(records, examinations, strict=True)):
        picture = pictures[position]
        if picture is None:
            continue
        seen += 1
        for rule in _RULES:
            value = rule.measure(record, examination, picture)
            if value is not None:
                flagged[rule.name][record.id] = value
                break
    count = sum(map(len, flagged.values()))
    return Check(
        name="foreign",
        title="Images that are no radiographs",
        explanation=(
            "Rules on the modality, the colours and the grey values look for other modalities, "
            "photographs, pages, noise, empty images and several pictures in one. A grey "
            "photograph, the screenshot of a viewer, a watermark or a slice of MRI without its "
            "modality can pass them: look at a sample of every source yourself."
        ),
        summary=f"{count:,} of {plural(seen, 'readable image')} may be no plain radiographs",
        problems=tuple(_problem(rule, flagged[rule.name]) for rule in _RULES if flagged[rule.name]),
        figures={
            "images": seen,
            "flagged": {name: len(found) for name, found in flagged.items() if found},
        },
    )


def _problem(rule: _Rule, found: Mapping[str, float | str]) -> AuditProblem:
    values = sorted(set(found.values()), key=str if rule.name == "modality" else float)
    span = ", ".join(map(str, values)) if len(values) < 3 else f"{values[0]} to {values[-1]}"
    return AuditProblem(
        "warning",
        f"{plural(len(found), 'image')} {rule.words} ({rule.figure} {span})",
        tuple(found),
        {rule.figure: dict(found)},
    )


def _modality(record: Record, examination: Examination, picture: Picture) -> str | None:
    name = _FOREIGN_MODALITIES.get(record.modality or "")
    return f"{record.modality}, {name}" if name else None


def _coloured(record: Record, examination: Examination, picture: Picture) -> float | None:
    return _above(examination.coloured, COLOURED)


def _tinted(record: Record, examination: Examination, picture: Picture) -> float | None:
    return _above(examination.colourfulness, COLOURFULNESS)


def _empty(record: Record, examination: Examination, picture: Picture) -> float | None:
    is_empty = examination.contrast < CONTRAST or not picture.any()
    return round(examination.contrast, 5) if is_empty else None


def _page(record: Record, examination: Examination, picture: Picture) -> float | None:
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    is_page = (edge > 245).mean() > PAGE and examination.white > PAGE_WHITE
    return round(examination.white, 3) if is_page else None


def _smooth(record: Record, examination: Examination, picture: Picture) -> float | None:
    grey = picture.astype(np.float32)
    finest = grey - cv2.GaussianBlur(grey, (0, 0), 0.8)
    return _below(float(np.mean(finest**2) / grey.var()), DETAIL, digits=6)


def _pattern(record: Record, examination: Examination, picture: Picture) -> float | None:
    gradient = _gradient(picture)
    spread = gradient - gradient.mean()
    kurtosis = np.mean(spread**4) / np.mean(spread**2) ** 2
    return _below(float(kurtosis), PEAKEDNESS)


def _steep(record: Record, examination: Examination, picture: Picture) -> float | None:
    return _above(float(_gradient(picture).mean()), STEEPNESS)


def _collage(record: Record, examination: Examination, picture: Picture) -> float | None:
    return _above(max(_gutter(picture), _gutter(picture.T)), GUTTER)


_RULES = (
    _Rule("modality", "of another modality", "modality", _modality),
    _Rule("colour", "in colour, like photographs", "share of coloured pixels", _coloured),
    _Rule("tint", "with a tint, like films photographed in colour", "colourfulness", _tinted),
    _Rule("empty", "of almost one shade of grey", "standard deviation in 0..1", _empty),
    _Rule("page", "on a white page", "share of white", _page),
    _Rule("smooth", "without fine detail, like gradients", "share of fine detail", _smooth),
    _Rule("pattern", "with one texture all over: noise, cloth, text", "kurtosis", _pattern),
    _Rule("edges", "with steep edges all over, like text", "mean gradient in 0..255", _steep),
    _Rule("collage", "with a white strip between pictures", "its darkest grey", _collage),
)


def _gradient(picture: Picture) -> NDArray[np.float32]:
    grey = picture.astype(np.float32)
    across, down = (cv2.Scharr(grey, cv2.CV_32F, *axis) / 16 for axis in ((1, 0), (0, 1)))
    return np.hypot(across, down)


def _gutter(picture: Picture) -> float:
    """Darkest grey of the whitest inner column that has columns with something dark beside it."""
    darkest = picture.min(axis=0).astype(np.int64)
    width = len(darkest)
    if width <= 2 * _NEARBY:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(darkest, _NEARBY, mode="edge"), _NEARBY
    ).min(axis=1)
    left, right = windows[:width], windows[_NEARBY + 1 : _NEARBY + 1 + width]
    step = darkest - np.maximum(left, right)
    margin = int(_MARGIN * width)
    return float(np.minimum(darkest, step)[margin : width - margin].max(initial=0))


def _above(value: float, limit: float) -> float | None:
    return round(value, 3) if value > limit else None


def _below(value: float, limit: float, digits: int = 3) -> float | None:
    return round(value, digits) if value < limit else None
