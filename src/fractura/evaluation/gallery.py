"""The worst errors and the most doubtful cases, as pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.atomic_write import make_folder
from fractura.errors import LoadError
from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.classification import THRESHOLD
from fractura.evaluation.label_errors import suspects
from fractura.imaging.enhance import interpolation
from fractura.imaging.labels import place_labels
from fractura.imaging.load import load
from fractura.imaging.radiograph import Radiograph
from fractura.imaging.save import save_png
from fractura.imaging.style import BLACK, SKY_BLUE, STRIP, VERMILLION, WHITE, Colour, Picture, font

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Kind = Literal["missed fracture", "false alarm", "most uncertain", "suspected label error"]

FOLDER = "gallery"
LONGEST_SIDE = 480
MOST_BOXES = 3
LEAST_SCORE = 0.01

_STRIP = 20
_NARROWEST = 200


def gallery(cases: Cases, folder: Path | None, *, each: int = 6) -> list[dict[str, Any]]:
    """Choose cases that are worth a look, and draw them.

    Missed fractures are those called negative, the least probable first; false alarms those not
    called negative, the most probable first; the most uncertain are nearest to a probability of
    0.5; suspected label errors are those of :func:`fractura.evaluation.label_errors.suspects` that
    are not among the others. No two are of one cluster.

    Args:
        cases: answered by a model that was not trained on them.
        folder: of the evaluation; pictures are put into ``gallery/`` in it. ``None`` makes none.
        each: cases of a kind, at most.

    Returns:
        The section ``gallery`` of a scorecard. ``file`` is relative to the folder, and tells
        nothing of the patient; it is ``None``, with a ``note``, where the radiograph cannot be
        read. Of the boxes found, the three with the highest scores of at least 0.01 are drawn.

    Raises:
        SaveError: a picture cannot be written.
    """
    suspected = suspects(cases.probability, cases.positive)
    doubted = set(suspected.tolist())
    if folder is not None:
        make_folder(folder / FOLDER)
    entries = []
    for number, (kind, index) in enumerate(_choose(cases, suspected, each), start=1):
        record = cases.records[index]
        entry = {
            "kind": kind,
            "id": record.id,
            "probability": float(cases.probability[index]),
            "label": cases.names[int(cases.positive[index])],
            "caption": _caption(cases, index, index in doubted and kind != "suspected label error"),
            "file": None,
        }
        if folder is not None:
            name = f"{number:02d}-{kind.replace(' ', '-')}.png"
            try:
                radiograph = load(record.path)
            except LoadError:
                entry["note"] = "The radiograph could not be read, so there is no picture."
            else:
                save_png(folder / FOLDER / name, draw_case(radiograph, cases, index))
                entry["file"] = f"{FOLDER}/{name}"
                if radiograph.warnings:
                    entry["note"] = f"Of the file: {'; '.join(radiograph.warnings)}."
        entries.append(entry)
    return entries


def _choose(cases: Cases, suspected: NDArray[np.intp], each: int) -> list[tuple[Kind, int]]:
    probability, positive = cases.probability, cases.positive
    called, spared = probability >= THRESHOLD, probability < THRESHOLD
    if cases.decisions is not None and cases.flagged is not None:
        # A fracture in an image that was not evaluated is no fracture that was called absent.
        called, spared = cases.flagged, np.asarray(cases.decisions == "no fracture")
    rising = np.argsort(probability, kind="stable")
    falling = np.argsort(-probability, kind="stable")
    doubtful = np.argsort(np.abs(probability - THRESHOLD), kind="stable")
    kinds: dict[Kind, Iterable[int]] = {
        "missed fracture": rising[(positive & spared)[rising]].tolist(),
        "false alarm": falling[(~positive & called)[falling]].tolist(),
        "most uncertain": doubtful.tolist(),
        "suspected label error": suspected.tolist(),
    }
    chosen: list[tuple[Kind, int]] = []
    taken: set[int] = set()
    for kind, candidates in kinds.items():
        left = each
        for index in candidates:
            cluster = int(cases.clusters[index])
            if left and cluster not in taken:
                taken.add(cluster)
                chosen.append((kind, index))
                left -= 1
    return chosen


def _caption(cases: Cases, index: int, doubted: bool) -> str:
    record = cases.records[index]
    parts = [
        f"Labelled {cases.names[int(cases.positive[index])]}, "
        f"probability {cases.probability[index]:.2f}"
    ]
    if cases.decisions is not None:
        parts.append(f"called {cases.decisions[index]}")
    if record.regions or record.views:
        parts.append(" ".join([*record.regions, *record.views]))
    if cases.truths is not None and cases.positive[index]:
        count = int((cases.truths.case == index).sum())
        parts.append("no box marked" if not count else f"{count} marked box" + "es" * (count > 1))
    if cases.level != "image":
        parts.append(f"first radiograph of the {cases.level}")
    if doubted:
        parts.append("also a suspected label error")
    return "; ".join(parts)


def draw_case(radiograph: Radiograph, cases: Cases, index: int) -> Picture:
    """A radiograph with what was found and what is true, 480 pixels on the longer side at most.

    Boxes found are vermillion, solid and with their score; true ones sky blue and dashed. A legend
    stands below where there are boxes.
    """
    from PIL import Image, ImageDraw

    found, scores = _of_case(cases.found, index)
    listed = scores[:MOST_BOXES] >= LEAST_SCORE
    found, scores = found[:MOST_BOXES][listed], scores[:MOST_BOXES][listed]
    true, _ = _of_case(cases.truths, index)
    strip = _STRIP if len(found) or len(true) else 0
    width, height = radiograph.width, radiograph.height
    scale = min(1.0, LONGEST_SIDE / width, (LONGEST_SIDE - strip) / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(radiograph.pixels, size, interpolation=interpolation(scale))
    grey = Image.fromarray(np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8))
    left = max(0, _NARROWEST - size[0]) // 2 if strip else 0
    canvas = Image.new("RGB", (size[0] + 2 * left, size[1] + strip), STRIP)
    canvas.paste(grey, (left, 0))
    draw = ImageDraw.Draw(canvas)
    scales = np.array([size[0] / width, size[1] / height] * 2)
    for kind, boxes in ((FOUND, found), (TRUE, true)):
        for corners in boxes * scales + [left, 0, left, 0]:
            _draw_frame(draw, corners, kind)
    _draw_scores(draw, found * scales + [left, 0, left, 0], scores, (canvas.width, size[1]))
    if strip:
        _draw_legend(
            draw, [kind for kind, of in ((FOUND, found), (TRUE, true)) if len(of)], size[1]
        )
    return np.array(canvas)


@dataclass(frozen=True)
class _Line:
    """How boxes of one kind are drawn."""

    word: str
    colour: Colour
    dashed: bool


FOUND = _Line("found", VERMILLION, dashed=False)
TRUE = _Line("true", SKY_BLUE, dashed=True)


def _of_case(boxes: Boxes | None, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if boxes is None:
        return np.zeros((0, 4)), np.zeros(0)
    own = boxes.of(np.array([index]))
    return own.corners, own.scores


def _draw_frame(draw: ImageDraw, corners: NDArray[np.float64], line: _Line) -> None:
    """A frame two pixels wide around the box, with a black edge that stands out on bone."""
    x_min, y_min, x_max, y_max = corners.round().astype(int).tolist()
    x_min, y_min, x_max, y_max = x_min - 2, y_min - 2, x_max + 1, y_max + 1
    across, down = _dashes(x_min, x_max, line.dashed), _dashes(y_min, y_max, line.dashed)
    strokes = [(start, y, end, y + 1) for start, end in across for y in (y_min, y_max - 1)]
    strokes += [(x, start, x + 1, end) for start, end in down for x in (x_min, x_max - 1)]
    for left, top, right, bottom in strokes:
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), BLACK)
    for stroke in strokes:
        draw.rectangle(stroke, line.colour)


def _dashes(start: int, end: int, dashed: bool) -> list[tuple[int, int]]:
    """A side in one piece, or in dashes as long as their gaps, with one at each end."""
    gaps = max(1, round((end - start) / 12)) if dashed else 0
    edges = np.linspace(start, end, 2 * gaps + 2).round().astype(int).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _draw_scores(
    draw: ImageDraw,
    corners: NDArray[np.float64],
    scores: NDArray[np.float64],
    picture: tuple[int, int],
) -> None:
    letters, outline = font(13), 2
    texts = [f"{score:.2f}" for score in scores]
    sizes = []
    for text in texts:
        _, _, width, height = draw.textbbox((0, 0), text, letters, "lt")
        sizes.append((math.ceil(width) + 2 * outline, math.ceil(height) + 2 * outline))
    frames = (corners + np.array([-3, -3, 3, 3])).round().astype(int).tolist()
    places = place_labels([(a, b, c, d) for a, b, c, d in frames], sizes, picture, 1)
    for text, (left, top, _, _) in zip(texts, places, strict=True):
        draw.text(
            (left + outline, top + outline),
            text,
            FOUND.colour,
            letters,
            "lt",
            stroke_width=outline,
            stroke_fill=BLACK,
        )


def _draw_legend(draw: ImageDraw, lines: Iterable[_Line], top: int) -> None:
    x, middle = 8, top + _STRIP // 2
    for line in lines:
        for start, end in _dashes(x, x + 26, line.dashed):
            draw.rectangle((start, middle - 1, end, middle), line.colour)
        draw.text((x + 32, middle), line.word, WHITE, font(13), "lm")
        x += 84
