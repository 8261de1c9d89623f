"""Every Python block in the documentation runs as it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.datasets.storage import write_manifest
from fractura.evaluation.classes import class_split
from fractura.evaluation.predictions.run_table import run_predictions, write_predictions
from fractura.evaluation.scorecard import Cost, Provenance, Scorecard
from fractura.evaluation.scorecard_file import write_scorecard
from fractura.evaluation.stress import ood
from fractura.findings import Box, Finding, Reading
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit
from tests.dicom.results.material import radiograph

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), start=1)
]


def write_run(folder: Path) -> None:
    """What a finished run leaves to be compared, of four cases."""
    folder.mkdir(parents=True)
    ids, classes = ("a", "b", "c", "d"), ("no fracture", "fracture")
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]])
    truth = np.array([0, 0, 1, 1])
    said = run_predictions(ids, ids, truth, probabilities, classes)
    card = Scorecard(
        model="resnet18",
        task="binary-fracture",
        kind="classification",
        classes=classes,
        cost=Cost(11_000_000, 20.0, 1, 60.0, 10, 50.0, 224, "none"),
        provenance=Provenance("resnet18", "binary-fracture", "0" * 64, 0, {}, None, "2026-01-01"),
        splits={"valid": class_split(said, "binary-fracture")},
    )
    write_scorecard(folder / "scorecard.json", card)
    write_predictions(folder / "predictions.csv", {"valid": said})


def write_answers(folder: Path) -> None:
    """A split manifest of forty cases, and readings of them."""
    records, lines = [], []
    for number in range(40):
        fractured = number % 4 == 0
        box = Box(10, 10, 30, 30)
        record = Record(
            id=f"made/{number}.png",
            path=Path(f"{number}.png"),
            source="made",
            label="fracture" if fractured else "no fracture",
            annotations=(Annotation(FRACTURE, box),) if fractured else (),
            width=200,
            height=240,
            split="valid",
            group=f"g{number}",
        )
        records.append(record)
        found = (Finding("fracture", 0.2 + number / 80, box),)
        reading = Reading(
            f"{number}.png",
            "",
            "m 1",
            200,
            240,
            number / 40,
            "uncertain",
            found if fractured else (),
        )
        lines.append(json.dumps(reading.as_dict()))
    write_manifest(folder / "split.parquet", Manifest(tuple(records)))
    (folder / "readings.jsonl").write_text("\n".join(lines))


@pytest.mark.parametrize("block", BLOCKS)
def test_python_block_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ood, "MADE", 1)
    pixels = make_phantom(0, fracture="transverse").radiograph.pixels
    save_png(tmp_path / "wrist.png", to_16_bit(pixels))
    (tmp_path / "wrist.dcm").write_bytes(radiograph())
    write_run(tmp_path / "runs" / "resnet18")
    write_answers(tmp_path)
    exec(compile(block, "documentation", "exec"), {"__name__": "documentation"})


def test_every_relative_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
