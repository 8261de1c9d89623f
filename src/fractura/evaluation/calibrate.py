"""Recalibrate a model on a site's own cases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fractura.atomic_write import write_whole
from fractura.datasets.audit.trees import held_out
from fractura.errors import FracturaError, ModelError
from fractura.evaluation.cases import Cases
from fractura.evaluation.interval import Figure, bootstrap_all, json_figure
from fractura.evaluation.leaks import content_marks
from fractura.evaluation.metrics.calibration import (
    basic,
    cox,
    equally_wide,
    gaps,
    log_odds,
    logistic,
)
from fractura.evaluation.metrics.points import promised
from fractura.reading.calibration import OperatingPoint, OperatingPoints
from fractura.reading.model import ModelDescription, model_path
from fractura.reading.runtime import METADATA_KEY
from fractura.reading.trained_on import KEY, pack, trained_on
from fractura.spreadsheet import write_rows

Floats = NDArray[np.float64]
Method = Literal["platt", "isotonic", "temperature"]

SCHEMA = 1
FOLDS = 5
ENOUGH = 100
"""Cases of each class from which the fit of a line through log-odds can be trusted."""
ENOUGH_ISOTONIC = 1000
"""Cases from which isotonic regression does not merely follow chance."""


@dataclass(frozen=True)
class Recalibration:
    """A rising function from a model's probabilities to better ones.

    Attributes:
        method: ``platt`` and ``temperature``: log-odds times ``weight`` plus ``bias``;
            ``isotonic``: straight lines between ``knots``.
        weight: above 0; of a temperature its inverse.
        bias: in log-odds.
        knots: pairs of a probability and the better one, rising; of isotonic regression alone.
    """

    method: Method
    weight: float = 1.0
    bias: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()

    def apply(self, probability: Floats) -> Floats:
        """The better probabilities ``[n]`` of probabilities ``[n]`` in 0..1."""
        if self.method == "isotonic":
            given, better = np.array(self.knots).T
            return np.asarray(np.interp(probability, given, better))
        return logistic(self.weight * log_odds(probability) + self.bias)


def fit_recalibration(
    method: Method, probability: Floats, positive: NDArray[np.bool_]
) -> Recalibration:
    """Fit on labelled cases.

    ``platt``: logistic regression on the log-odds with Platt's targets, (n₁ + 1) / (n₁ + 2) for
    the n₁ positives and 1 / (n₀ + 2) for the n₀ negatives (Platt 1999, Advances in Large Margin
    Classifiers, 61-74). ``temperature``: the log-odds over one number, by least log loss (Guo et
    al. 2017, arXiv 1706.04599). ``isotonic``: the rising steps of least squares (Zadrozny and
    Elkan 2002, KDD), kept between those same targets, for n cases cannot show a probability of 0
    or 1.

    Args:
        method: one of the three.
        probability: ``[n]`` in 0..1.
        positive: ``[n]``.

    Raises:
        FracturaError: the cases are of one class, or probabilities do not rise with it.
    """
    ones = int(positive.sum())
    zeros = len(positive) - ones
    if not ones or not zeros:
        raise FracturaError("calibration needs cases of both classes; all of these are of one")
    lowest, highest = 1 / (zeros + 2), (ones + 1) / (ones + 2)
    if method == "isotonic":
        return _isotonic(probability, positive, lowest, highest)
    logits = log_odds(probability)
    if method == "temperature":
        return Recalibration(method, _inverse_temperature(logits, positive))
    targets = np.where(positive, highest, lowest)
    bias, weight = cox(logits, targets, np.ones((1, len(logits))))[0]
    if not weight > 0:
        raise FracturaError(
            "the probabilities do not rise from negative to positive cases, so there is nothing "
            "to calibrate; look at labels and images"
        )
    return Recalibration(method, float(weight), float(bias))


def _inverse_temperature(logits: Floats, positive: NDArray[np.bool_]) -> float:
    from scipy.optimize import minimize_scalar

    signed = np.where(positive, logits, -logits)

    def loss(log_weight: float) -> float:
        return float(np.logaddexp(0, -np.exp(log_weight) * signed).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-4, 4), method="bounded").x))


def _isotonic(
    probability: Floats, positive: NDArray[np.bool_], lowest: float, highest: float
) -> Recalibration:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=lowest, y_max=highest).fit(probability, positive)
    pairs = zip(fitted.X_thresholds_, fitted.y_thresholds_, strict=True)
    return Recalibration("isotonic", knots=tuple((float(x), float(y)) for x, y in pairs))


def cross_fitted(method: Method, cases: Cases, *, seed: int = 0) -> Floats | None:
    """Probabilities ``[n]``, each by a fit on the clusters of other folds.

    Five folds, or as many as there are clusters with each class; ``None`` if fewer than two.
    """
    positive, clusters = cases.positive, cases.clusters
    folds = min(FOLDS, len(np.unique(clusters[positive])), len(np.unique(clusters[~positive])))
    if folds < 2:
        return None
    parts = held_out(positive, clusters, folds, seed)
    found = np.empty(len(cases))
    for fold in range(folds):
        inside, outside = np.flatnonzero(parts != fold), np.flatnonzero(parts == fold)
        if positive[inside].all() or not positive[inside].any():
            return None
        fitted = fit_recalibration(method, cases.probability[inside], positive[inside])
        found[outside] = fitted.apply(cases.probability[outside])
    return found


def calibrate(
    cases: Cases, method: Method, *, samples: int = 2000, seed: int = 0
) -> tuple[Recalibration, dict[str, Any]]:
    """Fit on all cases, and say what it brings on cases that were not fitted.

    Args:
        cases: a site's own.
        method: see :func:`fit_recalibration`.
        samples: bootstrap samples of whole clusters.
        seed: of the bootstrap and of the folds.

    Returns:
        The recalibration, and for a file and for people: the model, how many cases, the
        parameters, ``figures`` with ``calibration_error``, ``brier`` and ``log_loss`` ``before``,
        ``after`` (cross-fitted; ``None`` where that cannot be) and their ``change``, each with its
        interval, and ``notes``, among them a warning if the cases are few: fewer than 100 of
        either class (Vergouwe et al. 2005, J. Clin. Epidemiol. 58(5), 475-483; Collins et al.
        2016, Stat. Med. 35(2), 214-226), or fewer than 1,000 in all for isotonic regression
        (Niculescu-Mizil and Caruana 2005, ICML, 625-632).

    Raises:
        FracturaError: as :func:`fit_recalibration`.
    """
    fitted = fit_recalibration(method, cases.probability, cases.positive)
    after = cross_fitted(method, cases, seed=seed)
    content = {
        "schema": SCHEMA,
        "model": cases.model,
        "method": method,
        "looked_for": cases.names[1],
        "cases": len(cases),
        "positives": int(cases.positive.sum()),
        "clusters": len(np.unique(cases.clusters)),
        "weight": fitted.weight,
        "bias": fitted.bias,
        "knots": [list(pair) for pair in fitted.knots],
        "figures": _compared(cases, after, samples, seed),
        "notes": _notes(cases, method, after is None),
    }
    return fitted, content


def _compared(cases: Cases, after: Floats | None, samples: int, seed: int) -> dict[str, Any]:
    parts = {"before": _Losses(cases.probability, cases.positive)}
    if after is not None:
        parts["after"] = _Losses(after, cases.positive)

    def measure(counts: Floats) -> Mapping[str, Floats]:
        found = {name: part.measure(counts) for name, part in parts.items()}
        if after is not None:
            found["change"] = {
                name: value - found["before"][name] for name, value in found["after"].items()
            }
        return {f"{part} {name}": v for part, some in found.items() for name, v in some.items()}

    estimates = bootstrap_all(measure, cases.clusters, samples=samples, seed=seed)
    figures: dict[str, Any] = {"before": {}, "after": None, "change": None}
    for key, one in estimates.items():
        part, name = key.split(" ")
        if name == "calibration_error" and part != "change":
            one = basic(one)
        figures[part] = figures[part] or {}
        figures[part][name] = json_figure(Figure(one.value, one.low, one.high, len(cases)))
    return figures


class _Losses:
    """Calibration error, Brier score and log loss of bootstrap samples."""

    def __init__(self, probability: Floats, positive: NDArray[np.bool_]) -> None:
        self._gaps = gaps(equally_wide(probability), probability, positive)
        tiny = float(np.finfo(np.float64).eps)
        of_truth = np.clip(np.where(positive, probability, 1 - probability), tiny, 1 - tiny)
        self._means = np.stack([(probability - positive) ** 2, -np.log(of_truth)], axis=1)

    def measure(self, counts: Floats) -> dict[str, Floats]:
        total = counts.sum(1)
        brier, log_loss = (counts @ self._means).T / total
        error = np.abs(counts @ self._gaps).sum(1) / total
        return {"calibration_error": error, "brier": brier, "log_loss": log_loss}


def _notes(cases: Cases, method: Method, unchecked: bool) -> list[str]:
    notes = []
    ones = int(cases.positive.sum())
    fewer, name = min((ones, cases.names[1]), (len(cases) - ones, cases.names[0]))
    if fewer < ENOUGH:
        notes.append(
            f"Only {fewer} cases are labelled {name}; with fewer than {ENOUGH} of either class "
            "the fit may do harm. Take more cases, or a temperature, which fits one number."
        )
    if method == "isotonic" and len(cases) < ENOUGH_ISOTONIC:
        notes.append(
            f"{len(cases)} cases are few for isotonic regression, which with fewer than "
            f"{ENOUGH_ISOTONIC:,} tends to follow chance; Platt's method needs fewer."
        )
    if unchecked:
        notes.append(
            "Each class is in fewer than two clusters, so what the calibration brings on new "
            "cases cannot be told."
        )
    return notes


def recalibrated(cases: Cases, fitted_on: Cases, fitted: Recalibration, *, seed: int = 0) -> Floats:
    """Better probabilities ``[n]`` of cases, cross-fitted where they were fitted on.

    Args:
        cases: to be changed.
        fitted_on: some of them, or others.
        fitted: on all of these.
        seed: of the folds.
    """
    found = fitted.apply(cases.probability)
    honest = cross_fitted(fitted.method, fitted_on, seed=seed)
    if honest is not None:
        of_id = dict(zip(fitted_on.ids, honest.tolist(), strict=True))
        for index, name in enumerate(cases.ids):
            found[index] = of_id.get(name, found[index])
    return found


def recalibrated_description(
    description: ModelDescription,
    cases: Cases,
    fitted: Recalibration,
    provenance: Mapping[str, Any],
) -> ModelDescription:
    """What the recalibrated model's file says.

    Thresholds on the image are chosen anew by conformal triage; box scores and their thresholds
    stay. The version gets the method's name behind a plus sign,
    so that readings of both can be told apart. Where the model knows what it was trained on, the
    cases count as such from now on.

    Args:
        description: of the model that answered ``cases``.
        cases: what was fitted on.
        fitted: by Platt's method or a temperature.
        provenance: of the fit, stored as ``recalibrated``.

    Raises:
        ModelError: the method cannot be stored.
    """
    if fitted.method == "isotonic":
        raise ModelError(
            "isotonic regression cannot be stored in a model file; write .json or .csv, or take "
            "--method platt"
        )
    old, points = description.calibration, description.operating_points
    changed = {**description.provenance, "recalibrated": dict(provenance)}
    known = trained_on(description.provenance)
    if known is not None:
        changed[KEY] = pack(known.union(cases.ids, content_marks(cases.records)))
    suspicious, definite, guarantee = promised(
        fitted.apply(cases.probability), cases.positive, "the site's own cases"
    )
    return replace(
        description,
        version=f"{description.version}+{fitted.method}",
        calibration=replace(
            old,
            image_weight=fitted.weight * old.image_weight,
            image_bias=fitted.weight * old.image_bias + fitted.bias,
        ),
        operating_points=OperatingPoints(
            OperatingPoint(suspicious, points.high_sensitivity.box_score),
            OperatingPoint(definite, points.high_specificity.box_score),
        ),
        guarantee=guarantee,
        provenance=changed,
    )


def write_recalibrated_model(model: str | Path, description: ModelDescription, out: Path) -> None:
    """Copy an ONNX model with another description, whole or not at all.

    Raises:
        ModelError: onnx is not installed, or the model is no ONNX file.
        SaveError: it cannot be written.
    """
    path = model_path(model)
    if path.suffix == ".xml":
        raise ModelError(f"{path} is an OpenVINO model; give the ONNX file that it was made from")
    try:
        import onnx
    except ImportError:
        raise ModelError(
            "writing a model file needs onnx: pip install onnx, or write .json or .csv"
        ) from None
    network = onnx.load(path)
    onnx.helper.set_model_props(network, {METADATA_KEY: description.to_json()})
    write_whole(out, network.SerializeToString())


def write_calibration(out: Path, content: Mapping[str, Any]) -> None:
    """Write what :func:`calibrate` tells as JSON, whole or not at all.

    Raises:
        SaveError: it cannot be written.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(out, text.encode() + b"\n")


def write_probabilities(out: Path, cases: Cases, probability: Floats, method: Method) -> None:
    """Write a table of ids and probabilities as CSV, which ``fractura evaluate`` reads.

    Args:
        out: the file.
        cases: ``n`` of them.
        probability: the recalibrated ones, ``[n]``.
        method: by which; it goes into the model's name.

    Raises:
        SaveError: it cannot be written.
    """
    text = StringIO()
    model = f"{cases.model}+{method}"
    values = zip(cases.ids, probability.tolist(), strict=True)
    lines = ([name, f"{value:.6g}", model] for name, value in values)
    write_rows(text, chain([["id", "probability", "model"]], lines))
    write_whole(out, text.getvalue().encode(errors="surrogateescape"))
