"""Curves over all thresholds, thinned for drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.evaluation.cases import Cases
from fractura.evaluation.ranking import roc_curve

Floats = NDArray[np.float64]

POINTS = 200
"""The most points of a curve."""
SCORE_BINS = 20
"""Equally wide bins of the histogram of probabilities."""


def curves(cases: Cases) -> dict[str, Any]:
    """Receiver operating characteristic, precision against recall, and where scores lie.

    Args:
        cases: at least one.

    Returns:
        ``roc``: ``[1 - specificity, sensitivity]`` from ``[0, 0]`` to ``[1, 1]``;
        ``precision_recall``: ``[recall, precision]`` by falling threshold; both of at most
        :data:`POINTS` points, evenly spaced along the curve with its ends kept, and empty where
        a class is missing. ``scores``: ``edges`` of bins from 0 to 1, and how many ``positive``
        and ``negative`` cases fall in each. ``notes``.
    """
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    scores, positive = cases.probability, cases.positive
    content: dict[str, Any] = {
        "roc": [],
        "precision_recall": [],
        "scores": {
            "edges": [round(float(edge), 10) for edge in edges],
            "positive": np.histogram(scores[positive], edges)[0].tolist(),
            "negative": np.histogram(scores[~positive], edges)[0].tolist(),
        },
        "notes": [],
    }
    ones = int(positive.sum())
    if ones in (0, len(cases)):
        content["notes"].append("Curves need cases of both classes; all are of one.")
        return content
    wrong, right = roc_curve(scores, positive)
    alarms, hits = wrong[1:] * (len(cases) - ones), right[1:] * ones
    content["roc"] = thinned(np.stack([wrong, right], axis=1))
    content["precision_recall"] = thinned(np.stack([right[1:], hits / (hits + alarms)], axis=1))
    return content


def thinned(curve: Floats, points: int = POINTS) -> list[list[float]]:
    """A curve ``[n, 2]`` as at most ``points`` of its points, ends kept, evenly along it."""
    if len(curve) > points:
        way = np.append(0, np.cumsum(np.abs(np.diff(curve, axis=0)).sum(1)))
        index = np.searchsorted(way, np.linspace(0, way[-1], points))
        curve = curve[np.unique(np.append(index[:-1], len(curve) - 1))]
    return [[float(x), float(y)] for x, y in curve]
