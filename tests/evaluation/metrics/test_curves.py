"""Curves keep their ends and shape when they are thinned."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from fractura.evaluation.metrics.curves import POINTS, curves
from tests.evaluation.metrics.simulated import cases_of, draw


def test_a_curve_worked_by_hand() -> None:
    found = curves(cases_of([1, 0, 1, 0], [0.9, 0.6, 0.6, 0.1]))
    assert found["roc"] == [[0, 0], [0, 0.5], [0.5, 1], [1, 1]]
    assert found["precision_recall"] == [[0.5, 1], [1, pytest.approx(2 / 3)], [1, 0.5]]
    assert found["scores"]["positive"][18] == 1
    assert found["scores"]["negative"][2] == 1
    assert sum(found["scores"]["positive"]) == sum(found["scores"]["negative"]) == 2


def test_thinned_curves_enclose_the_same_area() -> None:
    cases = draw(0, 20_000)
    found = curves(cases)
    roc, recall = np.array(found["roc"]), np.array(found["precision_recall"])
    assert max(len(roc), len(recall)) <= POINTS
    assert roc[0].tolist() == [0, 0]
    assert roc[-1].tolist() == [1, 1]
    assert recall[-1].tolist() == [1, cases.positive.mean()]
    assert (np.diff(roc, axis=0) >= 0).all()
    assert (np.diff(recall[:, 0]) >= 0).all()
    area = metrics.roc_auc_score(cases.positive, cases.probability)
    assert metrics.auc(roc[:, 0], roc[:, 1]) == pytest.approx(area, abs=1e-3)
    precision = metrics.average_precision_score(cases.positive, cases.probability)
    assert metrics.auc(recall[:, 0], recall[:, 1]) == pytest.approx(precision, abs=5e-3)


def test_one_class_has_no_curve() -> None:
    found = curves(cases_of([0, 0], [0.0, 1.0]))
    assert found["roc"] == found["precision_recall"] == []
    assert found["notes"] == ["Curves need cases of both classes; all are of one."]
    assert sum(found["scores"]["negative"]) == 2
