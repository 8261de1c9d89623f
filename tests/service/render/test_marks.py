"""Marks of people as a manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fractura.datasets.manifest import ManifestError
from fractura.datasets.storage import read_manifest, write_manifest
from fractura.findings import Box
from fractura.service.render.marks import corrected, marks_manifest
from fractura.service.store.marks import Mark
from tests.service.render.material import FINDINGS, SHA256, entry, mark, reading

FIRST, SECOND, THIRD = (finding.box for finding in FINDINGS)
DRAWN = Box(1 / 3, 17.123456789012345, 99.99999999999999, 200.1)
SHOWN = reading(findings=FINDINGS[:2])
NONE = reading(decision="no fracture", probability=0.01, findings=())
UNSURE = reading(decision="uncertain", probability=0.2, findings=FINDINGS[:2])

CASES: dict[str, tuple[Any, list[Mark], str, list[Box] | None]] = {
    "agree with a fracture": (SHOWN, [mark("agree")], "fracture", [FIRST, SECOND]),
    "agree with no fracture": (NONE, [mark("agree")], "no fracture", []),
    "agree with uncertain": (UNSURE, [mark("agree")], "unknown", None),
    "disagree with a fracture": (SHOWN, [mark("disagree")], "no fracture", []),
    "disagree with no fracture": (NONE, [mark("disagree")], "fracture", None),
    "disagree with uncertain": (UNSURE, [mark("disagree")], "unknown", None),
    "the last word counts": (
        SHOWN,
        [mark("agree", minute=2), mark("disagree", minute=1)],
        "fracture",
        [FIRST, SECOND],
    ),
    "missed beside those found": (
        SHOWN,
        [mark("missed", DRAWN)],
        "fracture",
        [FIRST, SECOND, DRAWN],
    ),
    "missed where nothing was found": (NONE, [mark("missed", DRAWN)], "fracture", [DRAWN]),
    "missed, place not drawn": (NONE, [mark("missed")], "fracture", None),
    "wrong place and missed": (
        SHOWN,
        [mark("disagree"), mark("missed", DRAWN, minute=1)],
        "fracture",
        [DRAWN],
    ),
    "missed in an uncertain one": (UNSURE, [mark("missed", DRAWN)], "fracture", [DRAWN]),
    "agree with one box": (UNSURE, [mark("agree", FIRST)], "fracture", [FIRST]),
    "disagree with one box": (SHOWN, [mark("disagree", SECOND)], "fracture", [FIRST]),
    "disagree with each box": (
        SHOWN,
        [mark("disagree", FIRST), mark("disagree", SECOND, minute=1)],
        "unknown",
        None,
    ),
    "right, but none of the places": (
        SHOWN,
        [mark("agree"), mark("disagree", FIRST, minute=1), mark("disagree", SECOND, minute=2)],
        "fracture",
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_marks_make_of_a_reading(case: str) -> None:
    read, marks, label, boxes = CASES[case]
    record = corrected(read, marks)
    assert record.label == label
    found = None if record.annotations is None else [item.box for item in record.annotations]
    assert found == boxes
    assert {item.label for item in record.annotations or ()} <= {"fracture"}


def write(path: Path, marked: Sequence[tuple[Any, list[Mark]]]) -> Path:
    path.write_text("".join(marks_manifest(marked)), "utf-8")
    return path


def test_it_is_read_as_a_manifest_with_the_boxes_exact(tmp_path: Path) -> None:
    other = "ff" + SHA256[2:]
    note = 'Zeile 1\nline 2, "quoted"; 骨折'
    marked = [
        (entry(reading(sha256=other, decision="no fracture", findings=())), [mark("agree")]),
        (entry(SHOWN), [mark("missed", DRAWN, note)]),
        (entry(reading(sha256="bb" * 32), frame=2), [mark("agree")]),
        (entry(reading(sha256="cc" * 32)), []),
    ]
    manifest = read_manifest(write(tmp_path / "marks.jsonl", marked))
    first, second = manifest.records
    assert [item.box for item in first.fractures] == [FIRST, SECOND, DRAWN]
    assert first.id == f"service/{SHA256}"
    assert first.path == tmp_path / "images" / SHA256[:2] / SHA256
    assert (first.sha256, first.width, first.height) == (SHA256, 200, 240)
    assert first.notes == (f"dr-lee: missed, {note}",)
    assert first.extra["model_probability"] == "0.612"
    assert (second.label, second.annotations, second.sha256) == ("no fracture", (), other)
    # The same records, whatever the file.
    for name in ("marks.csv", "marks.parquet"):
        write_manifest(tmp_path / name, manifest)
        assert read_manifest(tmp_path / name).records == manifest.records


def test_of_two_models_the_reading_marked_last_counts(tmp_path: Path) -> None:
    older = (entry(reading(findings=FINDINGS[:1])), [mark("agree", minute=1)])
    newer = (entry(reading(model="fractura-m 2")), [mark("disagree", minute=5)])
    for marked in ([older, newer], [newer, older]):
        (record,) = read_manifest(write(tmp_path / "marks.jsonl", marked)).records
        assert (record.label, record.extra["model"]) == ("no fracture", "fractura-m 2")


def test_a_manifest_of_no_marks_is_empty(tmp_path: Path) -> None:
    assert read_manifest(write(tmp_path / "marks.jsonl", [])).records == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"colour": "red"}, "line 2: the column 'colour' is not in the schema"),
        ({"age": "old"}, "line 2: 'old' is no value that age can have; write a number"),
        ({"regions": "hand"}, "line 2: 'hand' is no value that regions can have"),
        ({"label": "broken"}, "line 2: .*label is 'broken'"),
        ({"annotations": [{"label": "fracture"}]}, "line 2: the annotations or extra"),
        ({"path": None}, "line 2: path is missing"),
    ],
)
def test_a_line_that_breaks_the_schema_is_named(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    (line,) = marks_manifest([(entry(SHOWN), [mark("agree")])])
    wrong = json.dumps({**json.loads(line), "id": "service/2", **change})
    path = tmp_path / "marks.jsonl"
    path.write_text(f"{line}{wrong}\n", "utf-8")
    with pytest.raises(ManifestError, match=sentence):
        read_manifest(path)


def test_a_line_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "marks.jsonl", [(entry(SHOWN), [mark("agree")])])
    whole = path.read_text()
    for text in (whole + whole[:50], whole + "[1]\n"):
        path.write_text(text)
        with pytest.raises(ManifestError, match="line 2: the line is not"):
            read_manifest(path)
