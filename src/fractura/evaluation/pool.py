"""Figures of boxes over images, for many bootstrap samples at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError
from fractura.evaluation.detection import RECALL_LEVELS, Matches

Floats = NDArray[np.float64]


class Pool:
    """The matched boxes of all images in order of falling score.

    Args:
        matches: by the least overlap that counts, one for each image, ``[n]``; always of the
            same boxes.

    Raises:
        FracturaError: the boxes differ from one overlap to another.
    """

    def __init__(self, matches: Mapping[float, Sequence[Matches]]) -> None:
        first, *others = matches.values()
        scores = np.concatenate([item.scores for item in first])
        for other in others:
            if not np.array_equal(scores, np.concatenate([item.scores for item in other])):
                raise FracturaError("every overlap needs matches of the same boxes")
        order = np.argsort(-scores, kind="stable")
        image = np.repeat(np.arange(len(first)), [len(item.scores) for item in first])
        ranked = scores[order]
        self._image = image[order]
        self._ends = np.flatnonzero(np.append(ranked[:-1] != ranked[1:], len(ranked) > 0))
        self._hits = {
            overlap: np.concatenate([item.hits for item in some])[order]
            for overlap, some in matches.items()
        }
        self._at = {overlap: np.flatnonzero(hits) for overlap, hits in self._hits.items()}
        self._truths = np.array([item.truths for item in first], dtype=np.float64)

    def average_precision(self, counts: Floats) -> dict[float, Floats]:
        """COCO's average precision, as ``detection.pooled_average_precision``.

        Args:
            counts: how often each image counts in each sample, ``[s, n]``.

        Returns:
            ``[s]`` for each overlap; ``nan`` without true boxes.
        """
        values = np.array([self._average_precisions(row) for row in counts])
        return dict(zip(self._at, values.T, strict=True))

    def sensitivity_at(self, counts: Floats, rates: Sequence[float], overlap: float) -> Floats:
        """Free-response curve: share of the true boxes found, ``[s, len(rates)]``.

        The threshold is the lowest at which there are at most that many false boxes an image,
        images without a fracture included; ``nan`` without true boxes.

        Args:
            counts: how often each image counts in each sample, ``[s, n]``.
            rates: false boxes an image.
            overlap: one of those of the matches.

        Source: Bunch et al. 1977, Proc. SPIE 127, 124-135.
        """
        hits = self._hits[overlap]
        return np.array([self._sensitivity_at(row, np.asarray(rates), hits) for row in counts])

    def _average_precisions(self, counts: Floats) -> list[float]:
        truths = float(counts @ self._truths)
        if truths == 0:
            return [float("nan")] * len(self._at)
        weights = counts[self._image]
        found = np.cumsum(weights)
        return [_average_precision(weights[at], found[at], truths) for at in self._at.values()]

    def _sensitivity_at(self, counts: Floats, rates: Floats, hits: NDArray[np.bool_]) -> Floats:
        truths = float(counts @ self._truths)
        if truths == 0:
            return np.full(len(rates), np.nan)
        weights = counts[self._image]
        found = np.cumsum(weights)[self._ends]
        right = np.cumsum(weights * hits)[self._ends]
        index = np.searchsorted(found - right, rates * counts.sum(), side="right")
        return np.asarray(np.append(0.0, right)[index] / truths)


def _average_precision(weights: Floats, found: Floats, truths: float) -> float:
    """Of the boxes that hit: precision is highest, and recall rises, only there."""
    right = np.cumsum(weights)
    precision = right / np.maximum(found, 1e-12)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    index = np.searchsorted(right / truths, RECALL_LEVELS, side="left")
    return float(np.append(precision, 0.0)[index].mean())
