"""The same answers written in every form that other systems use."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fractura.datasets.record import Annotation, Record
from fractura.evaluation.cases import Boxes, Cases
from fractura.findings import Box, Finding, Reading


@dataclass(frozen=True)
class Said:
    """An image, and boxes with scores that fall; the best is the image's probability."""

    record: Record
    boxes: tuple[tuple[Box, float], ...]

    @property
    def probability(self) -> float:
        return max((score for _, score in self.boxes), default=0.0)


def record(name: str, label: str = "fracture", **fields) -> Record:
    """A record of an image of 200 × 100 pixels with one marked fracture, if it has one."""
    fracture = Annotation("fracture", Box(10, 20, 30, 40))
    given = {
        "path": Path("/data/set/images") / name,
        "annotations": (fracture,) if label == "fracture" else (),
        "width": 200,
        "height": 100,
    }
    return Record(id=f"set/{name}", source="set", label=label, **(given | fields))


def write_jsonl(path: Path, said: Sequence[Said]) -> Path:
    lines = []
    for one in said:
        findings = tuple(Finding("fracture", score, box) for box, score in one.boxes)
        reading = Reading(
            path=str(one.record.path),
            sha256="0" * 64,
            model="other 1",
            width=200,
            height=100,
            probability=one.probability,
            decision="uncertain",
            findings=findings,
        )
        lines.append(json.dumps(reading.as_dict()) + "\n")
    path.write_text("".join(lines))
    return path


def write_csv(path: Path, said: Sequence[Said], *, probability: bool) -> Path:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        head = ["probability"] if probability else []
        table.writerow(["file", *head, "x_min", "y_min", "x_max", "y_max", "score"])
        for one in said:
            start = [one.record.path.name, *([one.probability] if probability else [])]
            for box, score in one.boxes:
                table.writerow([*start, *box.as_list(), score])
            if not one.boxes:
                table.writerow([*start, *[""] * 5])
    return path


def write_coco(path: Path, said: Sequence[Said], *, numbered: bool) -> Path:
    path.parent.mkdir()
    results = [
        {
            "image_id": number if numbered else one.record.path.name,
            "category_id": 3,
            "bbox": [box.x_min, box.y_min, box.width, box.height],
            "score": score,
        }
        for number, one in enumerate(said)
        for box, score in one.boxes
    ]
    path.write_text(json.dumps(results))
    if numbered:
        images = [
            {"id": number, "file_name": one.record.path.name, "width": 200, "height": 100}
            for number, one in enumerate(said)
        ]
        document = {
            "images": images,
            "annotations": [],
            "categories": [{"id": 3, "name": "fracture"}],
        }
        path.with_name("images.json").write_text(json.dumps(document))
    return path


def write_yolo(root: Path, said: Sequence[Said]) -> Path:
    (root / "labels").mkdir(parents=True)
    for one in said:
        lines = []
        for box, score in one.boxes:
            middle = [(box.x_min + box.x_max) / 400, (box.y_min + box.y_max) / 200]
            numbers = [0, *middle, box.width / 200, box.height / 100, score]
            lines.append(" ".join(map(repr, numbers)) + "\n")
        (root / "labels" / f"{one.record.path.stem}.txt").write_text("".join(lines))
    return root


def assert_same(cases: Cases, others: Cases) -> None:
    """Cases of the same images with the same probabilities, truths and boxes."""
    assert cases.ids == others.ids
    assert cases.names == others.names
    for name in ("positive", "probability", "clusters"):
        np.testing.assert_array_equal(getattr(cases, name), getattr(others, name))
    for boxes, other in ((cases.found, others.found), (cases.truths, others.truths)):
        assert isinstance(boxes, Boxes)
        assert isinstance(other, Boxes)
        np.testing.assert_array_equal(boxes.case, other.case)
        np.testing.assert_array_equal(boxes.scores, other.scores)
        np.testing.assert_allclose(boxes.corners, other.corners, atol=1e-9)
