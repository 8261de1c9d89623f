"""A reading that says nothing about bone is a success everywhere, and never "no fracture"."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

import fractura
from fractura.batch.results import Results
from fractura.batch.shards import KINDS
from fractura.cli.terminal import show_outcome
from fractura.dicom.results.common import to_bytes
from fractura.dicom.results.make import MAKERS
from fractura.findings import Reading, Reason
from fractura.imaging.caption import caption
from fractura.reading.calibration import OperatingPoint
from fractura.reading.reliability import POLARITY, UNLIKE, doubtful, not_evaluated
from tests.dicom.results.material import radiograph, read_image

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/reference/schemas/reading.schema.json").read_text("utf-8")
)
SCOPE = Reason("outside-scope", "a child's hand is outside what the model knows")


@pytest.fixture(scope="module")
def reading(phantom_pngs: list[Path]) -> Reading:
    return fractura.read(phantom_pngs[0], all_findings=True)


def valid(content: object) -> bool:
    return bool(jsonschema.Draft202012Validator(SCHEMA).is_valid(content))


def test_what_is_written_keeps_to_the_published_schema(reading: Reading, tmp_path: Path) -> None:
    (failure,) = fractura.read_many([tmp_path / "none.png"])
    lines = [reading, doubtful(reading, UNLIKE), not_evaluated(reading, SCOPE), failure]
    for line in lines:
        content = json.loads(json.dumps(line.as_dict()))
        assert valid(content), content
        assert not valid({**content, "schema": 2})
        assert not valid({**content, "more": 1})
    declined = not_evaluated(reading, SCOPE).as_dict()
    assert not valid({**declined, "fracture": {**declined["fracture"], "reason": None}})
    assert not valid({**declined, "findings": reading.as_dict()["findings"]})


def test_where_bone_may_be_dark_no_fracture_is_never_said(phantom_pngs: list[Path]) -> None:
    reader = fractura.Reader(threads=1)
    for path in phantom_pngs:
        radiograph = fractura.load(path)
        sure = reader.read(radiograph)
        doubted = reader.read(replace(radiograph, polarity_doubtful=True))
        assert doubted.reason == POLARITY
        assert not doubted.reliable
        kept = sure.decision != "no fracture"
        assert doubted.decision == (sure.decision if kept else "not evaluated")
        assert doubted.findings == (sure.findings if kept else ())
        assert doubted.probability == sure.probability
    points = reader.description.operating_points
    reader.description = replace(
        reader.description,
        operating_points=replace(points, high_sensitivity=OperatingPoint(1.0, 1.0)),
    )
    for path in phantom_pngs:
        blind = reader.read(replace(fractura.load(path), polarity_doubtful=True))
        assert blind.decision in ("fracture", "not evaluated")


def test_it_keeps_the_probability_and_drops_what_would_be_an_answer(reading: Reading) -> None:
    declined = not_evaluated(reading, SCOPE)
    assert declined.probability == reading.probability
    assert (declined.decision, declined.findings, declined.heatmap) == ("not evaluated", (), None)
    assert (declined.reliable, declined.reason) == (False, SCOPE)
    assert Reading.from_dict(declined.as_dict()).reason == SCOPE
    doubted = doubtful(reading, UNLIKE)
    assert (doubted.decision, doubted.findings) == (reading.decision, reading.findings)


def test_tables_and_pictures_tell_why_and_give_no_number(
    reading: Reading, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declined = not_evaluated(reading, SCOPE)
    show_outcome(declined)
    told = capsys.readouterr().out
    assert "not evaluated" in told
    assert SCOPE.sentence in told
    assert "no fracture" not in told
    with Results(tmp_path, "settings") as results:
        results.add(declined)
    with (tmp_path / "readings.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["decision"], row["reliable"], row["reason"]) == (
        "not evaluated", "False", "outside-scope",
    )  # fmt: skip
    assert "not evaluated" in KINDS
    strips = [caption(one, 600, 1.0, legend=False) for one in (reading, declined)]
    assert strips[0].shape != strips[1].shape or bool(np.any(strips[0] != strips[1]))


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_dicom_objects_are_sound_and_never_say_absent(kind: str, tmp_path: Path) -> None:
    data = radiograph()
    made = to_bytes(
        MAKERS[kind](read_image(data, decision="not evaluated", findings=(), reason=SCOPE))
    )
    dataset = dcmread(io.BytesIO(made))
    text = "\n".join(str(element.value) for element in dataset.iterall() if element.VR != "SQ")
    assert "Absent" not in text
    if kind != "SC":
        assert SCOPE.sentence in text
        assert "0.1234" not in text
    if shutil.which("dciodvfy"):
        file = tmp_path / "result.dcm"
        file.write_bytes(made)
        answer = subprocess.run(
            ["dciodvfy", str(file)], capture_output=True, text=True, check=False
        )
        assert not [line for line in answer.stderr.splitlines() if line.startswith(("Err", "Warn"))]
