"""No table is computed by the spreadsheet that opens it, and ours read back what was there."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from fractura.batch.results import Results
from fractura.datasets.audit.result import Audit
from fractura.datasets.audit.write import write_audit
from fractura.datasets.grouping import read_groups
from fractura.datasets.label import add_labels
from fractura.datasets.manifest import Manifest
from fractura.datasets.record import Dropped, Record
from fractura.datasets.storage import read_manifest, write_dropped, write_manifest
from fractura.evaluation.predictions.run_table import (
    read_predictions,
    run_predictions,
    write_predictions,
)
from fractura.evaluation.predictions.table import read_table
from fractura.findings import Failure, Reading
from fractura.spreadsheet import protected, unprotected, write_rows

FORMULAS = {
    "=1+1": "'=1+1",
    '=HYPERLINK("x")': '\'=HYPERLINK("x")',
    "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0",
    "-2+3": "'-2+3",
    "-": "'-",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1": "'\t=1",
    "\r=1": "'\r=1",
    "\n=1": "'\n=1",
    "＝1": "'＝1",  # noqa: RUF001
    "'=1": "''=1",
    "''-x": "'''-x",
}
PLAIN = ("", "a=b", "-1.5", "+3", "-1e-05", "'", "'a'", "''", " =1", "fracture", "ward/-1.png")
NAMES = ("=1+1", "-2+3", "@a", "'=b", "plain", "-7")


@pytest.mark.parametrize(("text", "written"), FORMULAS.items())
def test_a_formula_becomes_text_and_comes_back(text: str, written: str) -> None:
    assert protected(text) == written
    assert unprotected(written) == text


def test_numbers_and_other_texts_stay() -> None:
    assert [protected(cell) for cell in PLAIN] == list(PLAIN)
    assert [unprotected(cell) for cell in PLAIN] == list(PLAIN)
    assert [protected(cell) for cell in (-1.5, 3, True, None)] == [-1.5, 3, True, None]


def test_rows_are_written_as_a_table() -> None:
    text = io.StringIO()
    write_rows(text, [("=a", "b"), (-0.5, None), ("=1,2", 'x"y')])
    assert text.getvalue() == '\'=a,b\n-0.5,\n"\'=1,2","x""y"\n'


def cells(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [cell for line in csv.reader(file) for cell in line]


def no_formula(path: Path) -> None:
    """No cell but a number begins like a formula, and the formulas of :data:`NAMES` are there."""
    found = cells(path)
    assert {"'=1+1", "'-2+3", "'@a", "''=b"} <= {cell.removesuffix(".png") for cell in found}
    for cell in found:
        assert cell[:1] not in tuple("=@+-\t\r") or float(cell) < 0


def records(folder: Path) -> tuple[Record, ...]:
    return tuple(
        Record(id=name, path=folder / f"{name}.png", source="s", label="fracture", patient=name)
        for name in NAMES
    )


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    manifest = Manifest(records(tmp_path))
    write_manifest(tmp_path / "m.csv", manifest)
    no_formula(tmp_path / "m.csv")
    assert read_manifest(tmp_path / "m.csv") == manifest


def test_groups_and_label_tables_come_back(tmp_path: Path) -> None:
    groups = dict(zip(NAMES, reversed(NAMES), strict=True))
    write_audit(Audit("m.csv", "h", 6, (), groups, {}, {}), tmp_path)
    no_formula(tmp_path / "groups.csv")
    assert read_groups(tmp_path / "groups.csv") == groups
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        write_rows(file, [("id", "split"), *((name, "test") for name in NAMES)])
    labelled = add_labels(records(tmp_path), tmp_path / "labels.csv")
    assert labelled.unknown == ()
    assert {record.split for record in labelled.records} == {"test"}


def test_predictions_come_back(tmp_path: Path) -> None:
    shares = np.linspace(0.01, 0.12, 12).reshape(6, 2)
    said = run_predictions(NAMES, NAMES, np.array([0, 1] * 3), shares, ("no fracture", "=x"))
    write_predictions(tmp_path / "predictions.csv", {"valid": said})
    no_formula(tmp_path / "predictions.csv")
    back = read_predictions(tmp_path / "predictions.csv", "valid")
    assert back is not None
    assert (back.ids, back.clusters, back.classes) == (said.ids, said.clusters, said.classes)
    np.testing.assert_array_equal(back.probabilities, said.probabilities)
    np.testing.assert_array_equal(back.truth, said.truth)


def test_readings_are_text_and_evaluate_reads_them(tmp_path: Path) -> None:
    with Results(tmp_path, "s") as results:
        for place, name in enumerate(NAMES):
            reading = Reading(f"{name}.png", "0" * 64, "tiny 1", 9, 9, place / 10, "uncertain", ())
            results.add(reading)
        results.add(Failure("=broken.png", "DamagedFileError", "=broken.png: it is empty"))
    no_formula(tmp_path / "readings.csv")
    assert cells(tmp_path / "readings.csv").count("'=broken.png") == 1
    found = read_table(tmp_path / "readings.csv", records(tmp_path), "fracture")
    assert (found.unknown, found.unanswered) == ((), ())
    assert dict(zip(found.cases.ids, found.cases.probability, strict=True)) == pytest.approx(
        {name: place / 10 for place, name in enumerate(NAMES)}
    )


def test_what_was_dropped_is_text(tmp_path: Path) -> None:
    write_dropped(tmp_path / "d.csv", [("s", Dropped(name, "=why")) for name in NAMES])
    no_formula(tmp_path / "d.csv")
    assert cells(tmp_path / "d.csv").count("'=why") == 6
