"""Figures of classifications equal scikit-learn's, with weights as without."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from fractura.errors import FracturaError
from fractura.evaluation.classification import (
    Classification,
    _Cases,
    called_classes,
    classification_figures,
)
from fractura.evaluation.interval import bootstrap_counts

NAMES = ("elbow", "finger", "forearm", "hand", "shoulder")


def made_up(
    seed: int, cases: int, classes: int, skill: float = 1.5
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rounded probabilities, so that there are ties."""
    random = np.random.default_rng(seed)
    truth = random.choice(classes, cases, p=random.dirichlet(np.full(classes, 3)))
    logits = random.normal(0, 1, (cases, classes))
    logits[np.arange(cases), truth] += skill
    parts = np.round(20 * np.exp(logits) / np.exp(logits).sum(1, keepdims=True)) + 0.01
    return parts / parts.sum(1, keepdims=True), truth


def measured(
    probabilities: NDArray[np.float64], truth: NDArray[np.int64], samples: int = 20
) -> Classification:
    ids = [str(number) for number in range(len(truth))]
    classes = NAMES[: probabilities.shape[1]]
    return classification_figures(ids, ids, probabilities, truth, classes, samples=samples)


def reference(
    p: NDArray[np.float64], truth: NDArray[np.int64], weights: NDArray[np.float64]
) -> dict[str, float]:
    """The same figures by scikit-learn, over the classes that occur."""
    classes = p.shape[1]
    called, w = called_classes(p), {"sample_weight": weights}
    occurring = [c for c in range(classes) if weights[truth == c].sum() > 0]
    if classes == 2:
        average = {"labels": [1], "average": "macro", "zero_division": 0}
        asked = [1]
        specificity = metrics.recall_score(
            truth, called, labels=[0], average="macro", zero_division=0, **w
        )
        brier = metrics.brier_score_loss(truth, p[:, 1], **w)
    else:
        average = {"labels": occurring, "average": "macro", "zero_division": 0}
        asked = occurring
        specificity = np.mean(
            [metrics.recall_score(truth != c, called != c, **w) for c in occurring]
        )
        brier = np.average(((p - np.eye(classes)[truth]) ** 2).sum(1), weights=weights)
    return {
        "accuracy": metrics.accuracy_score(truth, called, **w),
        "balanced_accuracy": metrics.recall_score(
            truth, called, labels=occurring, average="macro", **w
        ),
        "precision": metrics.precision_score(truth, called, **average, **w),
        "sensitivity": metrics.recall_score(truth, called, **average, **w),
        "specificity": float(specificity),
        "f1": metrics.f1_score(truth, called, **average, **w),
        "kappa": metrics.cohen_kappa_score(truth, called, **w),
        "matthews": metrics.matthews_corrcoef(truth, called, **w),
        "auroc": float(np.mean([metrics.roc_auc_score(truth == c, p[:, c], **w) for c in asked])),
        "average_precision": float(
            np.mean([metrics.average_precision_score(truth == c, p[:, c], **w) for c in asked])
        ),
        "brier": brier,
        "log_loss": metrics.log_loss(truth, p, labels=range(classes), **w),
    }


@given(
    seed=st.integers(0, 10_000),
    cases=st.integers(12, 80),
    classes=st.integers(2, 5),
    resampled=st.booleans(),
)
@settings(max_examples=60)
def test_figures_equal_scikit_learn(seed: int, cases: int, classes: int, resampled: bool) -> None:
    probabilities, truth = made_up(seed, cases, classes)
    random = np.random.default_rng(seed)
    weights = random.integers(0, 4, cases).astype(float) if resampled else np.ones(cases)
    if len(np.unique(truth[weights > 0])) < 2:
        return
    found = _Cases(probabilities, truth, called_classes(probabilities)).measure(weights[None])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference(probabilities, truth, weights)
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-9), name


def test_the_confusion_matrix_the_table_of_classes_and_the_baseline() -> None:
    probabilities, truth = made_up(3, 200, 4)
    found = measured(probabilities, truth)
    called = called_classes(probabilities)
    np.testing.assert_array_equal(found.matrix, metrics.confusion_matrix(truth, called))
    precision, recall, f1, n = metrics.precision_recall_fscore_support(truth, called)
    for index, name in enumerate(NAMES[:4]):
        figures = found.classes[name]
        assert figures["sensitivity"].value == pytest.approx(recall[index])
        assert figures["sensitivity"].n == n[index]
        assert figures["precision"].value == pytest.approx(precision[index])
        assert figures["precision"].n == (called == index).sum()
        assert figures["f1"].value == pytest.approx(f1[index])
        assert figures["auroc"].value == pytest.approx(
            metrics.roc_auc_score(truth == index, probabilities[:, index])
        )
        assert figures["auroc"].low < figures["auroc"].value < figures["auroc"].high
    share = np.bincount(truth).max() / len(truth)
    assert found.baseline_class == NAMES[np.bincount(truth).argmax()]
    assert found.baseline["accuracy"].value == pytest.approx(share)
    assert found.baseline["accuracy"].low < share < found.baseline["accuracy"].high
    assert found.baseline["balanced_accuracy"].value == pytest.approx(0.25)
    assert found.baseline["kappa"].value == found.baseline["matthews"].value == 0


def test_calibration_error_of_worked_cases() -> None:
    two = np.array([[0.95, 0.05], [0.95, 0.05], [0.05, 0.95], [0.05, 0.95]])
    assert measured(two, np.array([0, 1, 1, 1])).figures["calibration_error"].value == (
        pytest.approx(0.5 * abs(0.05 - 0.5) + 0.5 * abs(0.95 - 1))
    )
    three = np.array([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    assert measured(three, np.array([0, 1, 2])).figures["calibration_error"].value == (
        pytest.approx((abs(2 * 0.7 - 1) + abs(0.8 - 1)) / 3)
    )


def test_one_class_only() -> None:
    figures = measured(np.tile([0.8, 0.2], (6, 1)), np.zeros(6, int)).figures
    undefined = {name for name, figure in figures.items() if np.isnan(figure.value)}
    assert undefined == {
        "auroc", "average_precision", "f1", "kappa", "matthews", "precision", "sensitivity",
    }  # fmt: skip
    assert figures["accuracy"].value == figures["specificity"].value == 1
    assert np.isnan(figures["auroc"].low)
    several = measured(np.tile([0.2, 0.7, 0.1], (6, 1)), np.ones(6, int)).figures
    assert several["accuracy"].value == several["f1"].value == several["balanced_accuracy"].value
    assert np.isnan(several["auroc"].value)
    assert np.isnan(several["specificity"].value)


def test_equal_scores_and_the_threshold() -> None:
    figures = measured(np.full((10, 2), 0.5), np.arange(10) % 2).figures
    assert figures["auroc"].value == figures["auroc"].low == figures["auroc"].high == 0.5
    assert figures["sensitivity"].value == 1
    assert figures["specificity"].value == figures["matthews"].value == 0
    assert figures["average_precision"].value == 0.5


def test_input_that_cannot_be_measured_is_refused() -> None:
    good, truth = np.full((3, 2), 0.5), np.array([0, 1, 0])

    def refuse(match: str, p: NDArray[np.float64] = good, **other: object) -> None:
        given = {"ids": ["a", "b", "c"], "clusters": [1, 2, 3], "truth": truth} | other
        with pytest.raises(FracturaError, match=match):
            classification_figures(
                given["ids"], given["clusters"], p, given["truth"], ("no", "yes"), samples=2
            )

    refuse(r"of b \(nan, 0.5\)", np.array([[0.5, 0.5], [np.nan, 0.5], [np.nan, 0.5]]))
    refuse("of c .* sum to 1", np.array([[0.5, 0.5], [1, 0], [0.9, 0.9]]))
    refuse("shape", np.full((3, 3), 1 / 3))
    refuse("class of b is 2", truth=np.array([0, 2, 0]))
    refuse("a comes twice", ids=["a", "b", "a"])
    refuse("do not fit", clusters=[1, 2])
    refuse("nothing", np.zeros((0, 2)), ids=[], clusters=[], truth=np.zeros(0, int))


def test_one_cluster_has_no_interval() -> None:
    probabilities, truth = made_up(0, 30, 2)
    figures = classification_figures(
        [str(n) for n in range(30)], ["p"] * 30, probabilities, truth, ("no", "yes"), samples=5
    ).figures
    assert np.isnan(figures["accuracy"].low)
    assert figures["accuracy"].value > 0


def test_counts_draw_whole_clusters() -> None:
    clusters = np.array(["b", "a", "b", "c", "a"])
    counts = np.concatenate(list(bootstrap_counts(clusters, samples=4000, seed=1)))
    assert counts.shape == (4000, 5)
    np.testing.assert_array_equal(counts[:, 0], counts[:, 2])
    np.testing.assert_array_equal(counts[:, 1], counts[:, 4])
    np.testing.assert_array_equal(counts[:, 0] + counts[:, 1] + counts[:, 3], 3)
    np.testing.assert_allclose(counts.mean(0), 1, atol=0.05)


def test_intervals_cover_as_often_as_they_claim() -> None:
    """Two images of a patient share label and difficulty; the area's true value is known."""
    true_area = 0.760250  # Phi(1 / sqrt(2)) of normal scores one standard deviation apart
    covered = {"auroc": 0, "accuracy": 0}
    trials = 200
    for trial in range(trials):
        random = np.random.default_rng(trial)
        label = np.repeat(random.random(150) < 0.5, 2)
        score = np.repeat(random.normal(0, 0.8, 150), 2) + random.normal(0, 0.6, 300) + label
        probability = 1 / (1 + np.exp(0.5 - score))
        figures = classification_figures(
            [str(n) for n in range(300)],
            np.repeat(np.arange(150), 2),
            np.stack([1 - probability, probability], 1),
            label.astype(int),
            ("no", "yes"),
            samples=300,
            seed=trial,
        ).figures
        covered["auroc"] += figures["auroc"].low <= true_area <= figures["auroc"].high
        # Called from half a standard deviation on: right with probability Phi(0.5).
        covered["accuracy"] += figures["accuracy"].low <= 0.691462 <= figures["accuracy"].high
    for name, count in covered.items():
        assert 0.90 <= count / trials <= 0.985, name
