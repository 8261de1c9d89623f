"""A model's answers are its reader's, and come back from the file of readings the same."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fractura import Reader
from fractura.datasets.record import Record
from fractura.errors import FracturaError
from fractura.evaluation.predictions.model import read_with
from fractura.evaluation.predictions.read import read_predictions_of
from tests.reading.networks import describe, write_constants


def records_of(paths, label):
    return [
        Record(id=f"phantoms/{number}", path=path, source="phantoms", label=label)
        for number, path in enumerate(paths)
    ]


def test_the_shipped_model(phantom_pngs, tmp_path):
    (tmp_path / "broken.png").write_text("no picture")
    paths = [phantom_pngs[0], tmp_path / "broken.png", *phantom_pngs[1:]]
    records = [*records_of(paths, "fracture"), *records_of(["never-read.png"], "unknown")]
    seen = []

    def progress(items, total, name):
        for item in items:
            yield item
            seen.append((total, name))

    kept = tmp_path / "readings.jsonl"
    answers = read_with("fractura-s", records, workers=2, readings=kept, progress=progress)
    assert seen == [(5, "Reading")] * 5
    assert answers.unanswered == ("phantoms/1",)
    assert "broken.png" in answers.notes[0]
    cases = answers.cases
    readings = [Reader().read_file(path, all_findings=True) for path in phantom_pngs]
    assert cases.ids == ("phantoms/0", "phantoms/2", "phantoms/3", "phantoms/4")
    np.testing.assert_allclose(
        cases.probability, [reading.probability for reading in readings], atol=1e-5
    )
    assert cases.decisions.tolist() == [reading.decision for reading in readings]
    assert cases.regions == tuple(reading.region for reading in readings)
    boxes = [finding.box.as_list() for reading in readings for finding in reading.findings]
    np.testing.assert_allclose(cases.found.corners, boxes, atol=0.02)
    again = read_predictions_of(kept, records)
    assert again.unanswered == answers.unanswered
    assert again.cases.model == cases.model == "fractura-s 5"
    assert again.cases.regions == cases.regions
    for name in ("probability", "positive", "decisions"):
        np.testing.assert_array_equal(getattr(again.cases, name), getattr(cases, name))
    for name in ("case", "corners", "scores"):
        np.testing.assert_array_equal(getattr(again.cases.found, name), getattr(cases.found, name))


def test_a_model_of_abnormality(phantom_pngs, tmp_path):
    description = describe("abnormality", ("normal", "abnormal"))
    model = write_constants(tmp_path / "mura.onnx", description, logits=[[0.0, 2.0]])
    (tmp_path / "broken.png").write_text("no picture")
    records = records_of([*phantom_pngs, tmp_path / "broken.png"], "normal")
    kept = tmp_path / "readings.jsonl"
    answers = read_with(model, records, readings=kept)
    assert answers.cases.probability.tolist() == [0.8808] * 4
    assert answers.cases.names == ("normal", "abnormal")
    assert (answers.cases.found, answers.cases.decisions) == (None, None)
    assert answers.unanswered == ("phantoms/4",)
    assert json.loads(kept.read_text().splitlines()[0])["path"] == str(phantom_pngs[0])
    again = read_predictions_of(kept, records, looked_for="abnormal")
    assert again.cases.probability.tolist() == answers.cases.probability.tolist()


def test_refusals(phantom_pngs, tmp_path):
    description = describe("region", ("hand", "leg"))
    model = write_constants(tmp_path / "region.onnx", description, logits=[[0.0, 2.0]])
    with pytest.raises(FracturaError, match="tells region, not whether something is broken"):
        read_with(model, records_of(phantom_pngs, "fracture"))
    with pytest.raises(FracturaError, match="no label tells of fracture"):
        read_with("fractura-s", records_of(phantom_pngs, "unknown"))
