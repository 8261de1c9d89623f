"""Figures of boxes over images, for many bootstrap samples at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError
from fractura.evaluation.detection import RECALL_LEVELS, Matches, Matching

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_CELLS = 2_000_000
"""Sums that are held at once."""


class Curve(NamedTuple):
    """What is found at each threshold, from the highest score to the lowest.

    Attributes:
        thresholds: the scores, each once, ``[c]``.
        right: true boxes found at that score or above, ``[c]``.
        false: found boxes that hit nothing, ``[c]``.
        truths: true boxes.
    """

    thresholds: Floats
    right: Floats
    false: Floats
    truths: float


class RankedBoxes:
    """The matched boxes of all images in order of falling score.

    Boxes of one score stay in the order of their images, as in COCO; only average precision
    depends on it. Everything else takes all boxes of one score together.

    Only the boxes near a true one are kept one by one. Of the others, it is enough to know how
    many of each image come between two of those.

    Args:
        matching: of the boxes.
        ranks: place of each image among boxes of one score, ``[n]``; as given if left out.
    """

    def __init__(self, matching: Matching, ranks: NDArray[np.integer] | None = None) -> None:
        from scipy.sparse import csr_array

        ties = matching.case if ranks is None else ranks[matching.case]
        order = np.lexsort((ties, -matching.scores))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        ranked = matching.near[np.argsort(place[matching.near])]
        columns = np.searchsorted(matching.near, ranked)
        partners = matching.partners[:, columns]
        hits = (partners >= 0) & np.append(matching.truth_counted, False)[partners]
        counted = np.where(partners >= 0, hits, matching.counted[ranked])
        used = counted.any(0)

        near = ranked[used]
        far = matching.counted.copy()
        far[matching.near] = False
        far_scores = np.sort(-matching.scores[far])
        far_places = np.sort(place[far])
        before = np.searchsorted(far_places, place[near])
        through = np.searchsorted(far_scores, -matching.scores[near], side="right")
        bounds = np.unique(np.concatenate([before, through]))
        segment = np.searchsorted(bounds, np.searchsorted(far_places, place[far]), side="right")
        kept = segment < len(bounds)
        self._between = csr_array(
            (np.ones(int(kept.sum())), (segment[kept], matching.case[far][kept])),
            shape=(len(bounds), matching.cases),
        )
        self._before = np.searchsorted(bounds, before)
        self._through = np.searchsorted(bounds, through)
        self._last = np.searchsorted(-matching.scores[near], -matching.scores[near], "right") - 1
        self._image = matching.case[near]
        self._rows = {overlap: row for row, overlap in enumerate(matching.overlaps)}
        self._hits = hits[:, used]
        self._counted = counted[:, used]
        self._patterns, self._pattern = np.unique(self._counted, axis=0, return_inverse=True)
        self._partners = partners[:, used]
        self._truth_case = matching.truth_case
        self._truth_counted = matching.truth_counted
        self._truths = _sums(matching.truth_case[matching.truth_counted], matching.cases)
        self._near_scores = matching.scores[near]
        self._far_scores = -far_scores
        self._far_case = matching.case[far]
        self._far_case_scores = matching.scores[far]

    @classmethod
    def of(cls, matches: Mapping[float, Sequence[Matches]]) -> RankedBoxes:
        """From matches one by one.

        Args:
            matches: by the least overlap that counts, one for each image, ``[n]``; always of
                the same boxes.

        Raises:
            FracturaError: the boxes differ from one overlap to another.
        """
        first, *others = matches.values()
        scores = np.concatenate([item.scores for item in first])
        for other in others:
            if not np.array_equal(scores, np.concatenate([item.scores for item in other])):
                raise FracturaError("every overlap needs matches of the same boxes")
        images = np.arange(len(first))
        case = np.repeat(images, [len(item.scores) for item in first])
        truth_case = np.repeat(images, [item.truths for item in first])
        hits = np.array([np.concatenate([item.hits for item in some]) for some in matches.values()])
        near = np.flatnonzero(hits.any(0))
        partners = np.full((len(matches), len(near)), -1)
        for row, hit in zip(partners, hits[:, near], strict=True):
            image = case[near[hit]]
            turn = np.arange(len(image)) - np.searchsorted(image, image)
            row[hit] = np.searchsorted(truth_case, image) + turn
        return cls(
            Matching(
                overlaps=tuple(matches),
                case=case,
                scores=scores,
                counted=np.ones(len(scores), dtype=bool),
                near=near,
                partners=partners,
                truth_case=truth_case,
                truth_counted=np.ones(len(truth_case), dtype=bool),
                cases=len(first),
            )
        )

    def average_precision(
        self, counts: Floats, overlaps: Sequence[float] | None = None
    ) -> dict[float, Floats]:
        """COCO's average precision, as ``detection.pooled_average_precision``.

        Args:
            counts: how often each image counts in each sample, ``[s, n]``.
            overlaps: some of those of the matching; all if left out.

        Returns:
            ``[s]`` for each overlap; ``nan`` without true boxes.
        """
        chosen = tuple(self._rows) if overlaps is None else overlaps
        values = {overlap: np.full(len(counts), np.nan) for overlap in chosen}
        for part in self._parts(counts):
            truths = counts[part] @ self._truths
            sums, near = self._between_sums(counts[part]), counts[part][:, self._image]
            before = sums[:, self._before]
            for number, pattern in enumerate(self._patterns):
                found = before + np.cumsum(near * pattern, axis=1)
                for overlap in chosen:
                    row = self._rows[overlap]
                    if self._pattern[row] == number:
                        at = self._hits[row]
                        right = np.cumsum(near[:, at], axis=1)
                        values[overlap][part] = _average_precisions(right, found[:, at], truths)
        return values

    def sensitivity_at(
        self,
        counts: Floats,
        rates: Sequence[float],
        overlap: float,
        kinds: Sequence[Flags] | None = None,
    ) -> Floats:
        """Free-response curve: share of the true boxes found.

        The threshold is the lowest at which there are at most that many false boxes an image,
        images without a fracture included; ``nan`` without true boxes.

        Args:
            counts: how often each image counts in each sample, ``[s, n]``.
            rates: false boxes an image.
            overlap: one of those of the matching.
            kinds: some of the true boxes, ``[g]`` each, whose share is told at the same
                thresholds.

        Returns:
            ``[s, len(rates)]``; with kinds ``[s, len(rates), len(kinds)]``.

        Source: Bunch et al. 1977, Proc. SPIE 127, 124-135.
        """
        row = self._rows[overlap]
        hits = self._hits[row]
        asked = (np.ones(len(self._truth_case), dtype=bool),) if kinds is None else kinds
        values = np.full((len(counts), len(rates), len(asked)), np.nan)
        truths = [_sums(self._truth_case[kind & self._truth_counted], counts.shape[1])
                  for kind in asked]  # fmt: skip
        partners = self._partners[row]
        for part in self._parts(counts):
            near = counts[part][:, self._image]
            wrong = np.cumsum(near * (self._counted[row] & ~hits), axis=1)[:, self._last]
            false = self._between_sums(counts[part])[:, self._through] + wrong
            allowed = np.outer(counts[part].sum(1), rates)
            ends = np.array(
                [np.searchsorted(*one, side="right") for one in zip(false, allowed, strict=True)]
            ).reshape(allowed.shape)
            for index, kind in enumerate(asked):
                of_kind = hits & np.append(kind, False)[partners]
                right = np.cumsum(near * of_kind, axis=1)[:, self._last]
                right = np.pad(right, ((0, 0), (1, 0)))
                total = (counts[part] @ truths[index])[:, None]
                found = np.take_along_axis(right, ends, axis=1)
                values[part, :, index] = np.divide(
                    found, total, out=np.full_like(found, np.nan), where=total > 0
                )
        return values[:, :, 0] if kinds is None else values

    def curve(self, overlap: float) -> Curve:
        """What is found at every threshold, each image counted once."""
        row = self._rows[overlap]
        hits, wrong = self._hits[row], self._counted[row] & ~self._hits[row]
        false_scores = np.sort(np.concatenate([self._far_scores, self._near_scores[wrong]]))
        right_scores = np.sort(self._near_scores[hits])
        thresholds = np.unique(np.concatenate([false_scores, right_scores]))[::-1]
        return Curve(
            thresholds,
            _at_or_above(right_scores, thresholds),
            _at_or_above(false_scores, thresholds),
            float(self._truths.sum()),
        )

    def at_threshold(
        self, counts: Floats, threshold: float, overlap: float
    ) -> tuple[Floats, Floats, Floats]:
        """True boxes found, boxes found, and true boxes, ``[s]`` each.

        Args:
            counts: how often each image counts in each sample, ``[s, n]``.
            threshold: the least score that counts.
            overlap: one of those of the matching.
        """
        row, cases = self._rows[overlap], counts.shape[1]
        above = self._near_scores >= threshold
        right = _sums(self._image[above & self._hits[row]], cases)
        far = self._far_case[self._far_case_scores >= threshold]
        found = _sums(self._image[above & self._counted[row]], cases) + _sums(far, cases)
        return counts @ right, counts @ found, counts @ self._truths

    def _parts(self, counts: Floats) -> Iterator[slice]:
        size = max(1, _CELLS // max(1, len(self._image)))
        return (slice(start, start + size) for start in range(0, len(counts), size))

    def _between_sums(self, counts: Floats) -> Floats:
        """Found boxes far from any true one up to each bound, ``[s, bounds]``."""
        return np.cumsum((self._between @ np.ascontiguousarray(counts.T)).T, axis=1)


def _average_precisions(right: Floats, found: Floats, truths: Floats) -> Floats:
    """Of the boxes that hit, ``[s, hits]``: precision is highest, and recall rises, only there."""
    precision = right / np.maximum(found, 1e-12)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    precision = np.pad(precision, ((0, 0), (0, 1)))
    values = np.full(len(truths), np.nan)
    for row in np.flatnonzero(truths):
        index = np.searchsorted(right[row] / truths[row], RECALL_LEVELS, side="left")
        values[row] = precision[row][index].mean()
    return values


def _at_or_above(scores: Floats, thresholds: Floats) -> Floats:
    """How many of the rising scores are at each threshold or above."""
    return (len(scores) - np.searchsorted(scores, thresholds, side="left")).astype(np.float64)


def _sums(case: NDArray[np.int64], cases: int) -> Floats:
    return np.bincount(case, minlength=cases).astype(np.float64)
