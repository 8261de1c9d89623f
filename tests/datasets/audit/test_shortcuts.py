"""Baselines against leaks of known strength, and intervals against their nominal coverage."""

import sys
from dataclasses import replace
from math import erf
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fractura.datasets.audit.auroc import auroc, grouped_auroc
from fractura.datasets.audit.examine import Examination
from fractura.datasets.audit.shortcuts import check
from fractura.datasets.record import Record


def table(seed=0, patients=300, images=2, leak=0.0, source="a", share=0.3):
    """Images whose hardware alone tells of the fracture: AUROC 0.5 + leak / 2."""
    random = np.random.default_rng(seed)
    records, examinations = [], []
    for patient in range(patients):
        fractured = bool(random.random() < share)
        for image in range(images):
            records.append(
                Record(
                    id=f"{source}/{patient}-{image}",
                    path=Path("x.png"),
                    source=source,
                    label="fracture" if fractured else "no fracture",
                    patient=str(patient),
                    age=float(random.integers(1, 90)),
                    hardware=bool(random.random() < 0.2 + leak * fractured),
                )
            )
            examinations.append(
                Examination(
                    problem=None,
                    sha256="",
                    size=int(random.integers(10_000, 90_000)),
                    format="PNG",
                    width=int(random.integers(300, 400)),
                    height=int(random.integers(300, 400)),
                    bits=8,
                    channels=1,
                    mean=random.random(),
                    contrast=random.random(),
                    border=tuple(random.random(16)),
                )
            )
    return records, examinations


def baselines(result, images_of=None):
    rows = result.figures["baselines"]
    return {row["model sees"]: row for row in rows if images_of in (None, row["images of"])}


def covers(row, area):
    return row["low"] <= area <= row["high"]


def test_a_leak_is_found_with_its_strength_and_named():
    result = check(*table(leak=0.6, patients=400))
    rows = baselines(result)
    assert covers(rows["metadata"], 0.8)
    assert all(covers(rows[name], 0.5) for name in ("size", "format", "border"))
    worst = result.problems[0]
    assert worst.severity == "warning"
    assert "hardware 0." in worst.sentence
    assert next(iter(worst.evidence["columns"])) == "hardware"
    assert {problem.severity for problem in result.problems[2:]} == {"note"}


def test_noise_is_no_shortcut():
    inside = []
    for seed in range(3):
        result = check(*table(seed=seed, patients=100))
        assert {problem.severity for problem in result.problems} == {"note"}
        inside += [covers(row, 0.5) for row in result.figures["baselines"]]
    assert np.mean(inside) >= 0.8


def test_the_order_of_the_records_does_not_matter():
    records, examinations = table(leak=0.4, patients=60)
    shuffled = np.random.default_rng(1).permutation(len(records))
    again = check([records[i] for i in shuffled], [examinations[i] for i in shuffled])
    assert again == check(records, examinations)


def test_what_only_names_a_group_does_not_count():
    """One width a patient tells the label of images of that patient, and of no other."""
    records, examinations = table(patients=150, images=4)
    widths = 300 + np.random.default_rng(9).permutation(150)
    named = [
        replace(item, width=int(widths[at // 4]), height=300)
        for at, item in enumerate(examinations)
    ]
    unnamed = [replace(record, patient=None) for record in records]
    assert covers(baselines(check(records, named))["size"], 0.5)
    assert baselines(check(unnamed, named))["size"]["auroc"] > 0.7
    joined = {record.id: record.patient for record in records}
    assert covers(baselines(check(unnamed, named, joined))["size"], 0.5)


def test_the_source_alone_can_be_the_shortcut():
    many = table(source="many", share=0.6, patients=150)
    few = table(seed=1, source="few", share=0.2, patients=150)
    result = check(many[0] + few[0], many[1] + few[1])
    together = baselines(result, "all sources")
    assert together["source"]["low"] > 0.6
    for source in ("many", "few"):
        own = baselines(result, source)
        assert "source" not in own
        assert covers(own["metadata"], 0.5)


def test_abnormal_is_used_where_fractures_are_not_told_and_said():
    records, examinations = table(leak=0.6)
    told = {"fracture": "abnormal", "no fracture": "normal"}
    records = [replace(record, label=told[record.label]) for record in records]
    result = check(records, examinations)
    assert {row["target"] for row in result.figures["baselines"]} == {"abnormal"}
    assert result.summary.startswith("abnormal or not")


def test_columns_that_repeat_the_label_are_left_out():
    records, examinations = table(patients=100)
    count = {"fracture": "1", "no fracture": "0"}
    records = [replace(record, extra={"fracture_count": count[record.label]}) for record in records]
    assert baselines(check(records, examinations))["metadata"]["auroc"] < 0.6


def test_columns_given_for_one_class_alone_are_left_out_and_named():
    records, examinations = table(patients=100)
    records = [
        replace(record, regions=("wrist",) if record.fractured else ()) for record in records
    ]
    result = check(records, examinations)
    assert baselines(result)["metadata"]["auroc"] < 0.6
    assert result.problems[-1].sentence.startswith("region of a is given for one class alone")


@pytest.mark.parametrize("labels", [["fracture"] * 200, ["fracture"] * 5 + ["no fracture"] * 195])
def test_too_few_of_a_class_gives_no_figure(labels):
    records, examinations = table(patients=100)
    records = [replace(record, label=label) for record, label in zip(records, labels, strict=True)]
    result = check(records, examinations)
    assert "not computed" in result.summary
    assert not result.problems
    assert not result.figures


def test_no_records_and_unreadable_files():
    assert "not computed" in check([], []).summary
    records, examinations = table(patients=100)
    broken = [Examination(problem="it is empty", sha256="", size=0)] * 50
    assert "size" in baselines(check(records, broken + examinations[50:]))


def test_without_scikit_learn_the_summary_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert 'pip install "fractura[data]"' in check(*table(patients=30)).summary


def test_the_area_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    positive = random.random(500) < 0.3
    scores = np.round(random.normal(size=500) + positive, 1)
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)


def test_intervals_of_grouped_images_cover_as_often_as_they_claim():
    random = np.random.default_rng(0)
    area, covered = 0.5 * (1 + erf(0.5)), 0
    for _ in range(400):
        groups = np.repeat(np.arange(60), 4)
        positive = np.repeat(random.random(60) < 0.4, 4)
        shared = random.normal(scale=0.6**0.5, size=60)[groups]
        scores = shared + random.normal(scale=0.4**0.5, size=240) + positive
        found = grouped_auroc(scores, positive, groups)
        covered += found.low <= area <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_a_perfect_ranking_keeps_its_interval_inside():
    positive = np.arange(40) % 2 == 1
    found = grouped_auroc(positive * 1.0, positive, np.arange(40))
    assert found.value == found.high == 1
    assert 0.5 < found.low <= 1
