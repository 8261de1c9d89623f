"""Thresholds that hold in every source at hand, not only where a model was trained.

With few sources nothing can be promised for a new one: by conformal prediction over sources, an
error of 3 % would take 33 of them (exchangeable sources; Vovk 2012, arXiv 1209.2673, with the
source as the unit). What can be done is to choose so that each known source is served.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.label import GROWTH_PLATES
from fractura.datasets.record import Record
from fractura.errors import FracturaError, LoadError
from fractura.evaluation.metrics.points import ABOVE_ALL, FALSE_ALARM, MISSED
from fractura.imaging.load import load
from fractura.ood.detector import OodDetector, ood_detector_from
from fractura.ood.scope import LIMITS, Scope
from fractura.progress import Progress
from fractura.reading.calibration import OperatingPoint, OperatingPoints
from fractura.reading.model import ModelDescription
from fractura.reading.reader import Reader, UncalibratedReading, limb_shares
from fractura.regions import REGIONS, is_outside, limbs_of

Floats = NDArray[np.float64]

ENOUGH = 20
"""Radiographs of a kind from which on a source has a say."""
WITHDRAWN = 0.01
"""Share of the normals inside the scope that each rule may withdraw in any source."""
REGION_RIGHT = 0.97
"""Share of the regions that are said which must be right."""


@dataclass(frozen=True)
class Look:
    """A record, and what a model's network says of it; arrays are dropped."""

    record: Record
    probability: float
    seen: UncalibratedReading
    unlike: float | None


def look_at(
    reader: Reader,
    records: Sequence[Record],
    progress: Progress,
) -> tuple[list[Look], list[str]]:
    """Look at all records, and a sentence for each that cannot be read."""
    looks, lost = [], []
    for record in progress(records, len(records), "Reading"):
        try:
            seen = reader.look(load(record.path))
        except LoadError as error:
            lost.append(str(error))
            continue
        looks.append(
            Look(
                record,
                reader.description.calibration.probability(seen.image),
                replace(seen, evidence=None, embedding=None),
                reader.unlikeness(seen),
            )
        )
    return looks, lost


def in_scope(record: Record, youngest: float) -> bool:
    """Whether a record shows what a model is meant for, as far as the manifest tells.

    Args:
        record: one of the manifest.
        youngest: age in years, see :class:`fractura.ood.scope.Scope`.
    """
    young = record.extra.get(GROWTH_PLATES) == "open" or (
        record.age is not None and record.age < youngest
    )
    return not is_outside(record.regions) and not young


def fit_over_sources(
    description: ModelDescription, looks: Sequence[Look]
) -> tuple[ModelDescription, dict[str, Any]]:
    """Choose both operating points and the limits of the scope over sources.

    - ``fracture``: the threshold that at most 3 % of the normals reach in *each* source with
      :data:`ENOUGH` of them.
    - ``no fracture``: the threshold below which at most 10 % of the fractures fall *on average
      over* the sources with :data:`ENOUGH` of them.
    - Each limit of the scope (outside, growth plates) may withdraw at most 1 % of the normals
      inside it in each source with 100 of them, or else in all together. What looks unlike all
      training is left to the limit that the export chose: a source of extreme processing would
      open it to photographs.
    - A region, and where it is unsure a limb, is said from the probability on from which 97 % are
      right where they are known, every source counting alike.

    Args:
        description: of the model that looked.
        looks: at records whose ``source`` tells where they come from.

    Returns:
        The description with the new thresholds, and what each source gives, for people.

    Raises:
        FracturaError: no source has enough fractures, or none enough normals.
    """
    scope, ood = description.scope, ood_detector_from(description.ood)
    inside = list(looks)
    if scope is not None:
        inside = [look for look in looks if in_scope(look.record, scope.youngest)]
        scope = replace(
            scope,
            outside=_limit(inside, lambda look: look.seen.outside),
            growth_plates=_limit(inside, lambda look: look.seen.growth_plates),
            region=_word_limit(inside, dict, lambda region: {region} & set(REGIONS)),
            limb=_word_limit(inside, limb_shares, limbs_of),
        )
    evaluated = [look for look in inside if not _withdrawn(look, scope, ood)]
    sources = _by_source(evaluated)
    suspicious, definite = _points(sources)
    old = description.operating_points
    points = OperatingPoints(
        OperatingPoint(suspicious, old.high_sensitivity.box_score),
        OperatingPoint(definite, old.high_specificity.box_score),
    )
    told = {
        "suspicious": suspicious,
        "definite": definite,
        "limits": {} if scope is None else {name: getattr(scope, name) for name in LIMITS},
        "sources": {name: _figures(some, points) for name, some in sorted(sources.items())},
    }
    return (
        replace(
            description,
            operating_points=points,
            guarantee=None,
            scope=scope,
            provenance={**description.provenance, "thresholds": told},
        ),
        told,
    )


def _points(sources: Mapping[str, Sequence[Look]]) -> tuple[float, float]:
    normals, fractured = (
        [
            values
            for values in (_probabilities(some, kind) for some in sources.values())
            if len(values) >= ENOUGH
        ]
        for kind in (False, True)
    )
    if not normals or not fractured:
        raise FracturaError(
            f"thresholds over sources need {ENOUGH} normal radiographs of one source, and "
            f"{ENOUGH} fractured ones; the manifest has fewer"
        )
    definite = max(_quantile_above(values, FALSE_ALARM) for values in normals)
    candidates = np.unique(np.concatenate(fractured))
    missed = np.mean([(values[None] < candidates[:, None]).mean(1) for values in fractured], axis=0)
    suspicious = float(candidates[missed <= MISSED].max())
    suspicious = math.floor(suspicious * 1e4) / 1e4
    return suspicious, max(suspicious, math.ceil(definite * 1e4) / 1e4)


def _quantile_above(values: Floats, share: float) -> float:
    """The lowest threshold that at most a share of the values reach."""
    ordered = np.sort(values)
    allowed = math.floor(share * len(ordered) + 1e-9)
    place = len(ordered) - allowed - 1
    return float(np.nextafter(ordered[place], np.inf))


def _limit(looks: Sequence[Look], score: Callable[[Look], float | None]) -> float:
    """The lowest limit that withdraws few enough normals of each source, and of all together."""
    normals = [look for look in looks if look.record.fractured is False]
    large = (some for some in _by_source(normals).values() if len(some) >= 1 / WITHDRAWN)
    groups = [normals, *large]
    limits = []
    for group in groups:
        scores = [value for value in map(score, group) if value is not None]
        if scores:
            limits.append(_quantile_above(np.array(scores), WITHDRAWN))
    return max(limits, default=math.inf)


def _word_limit(
    looks: Sequence[Look],
    shares: Callable[[Mapping[str, float]], Mapping[str, float]],
    words: Callable[[str], set[str]],
) -> float:
    """The lowest probability from which on :data:`REGION_RIGHT` of what is said is right.

    Every source counts alike, however many radiographs of it there are.

    Args:
        looks: those whose manifest names regions, and nothing but such that have words, count.
        shares: probabilities of the words, from those of regions.
        words: which are right of a region, or of a coarser word, in a manifest.
    """
    known: list[tuple[float, bool, float]] = []
    for some in _by_source(looks).values():
        told = []
        for look in some:
            answers = [words(region) for region in look.record.regions]
            if look.seen.region_shares and answers and all(answers):
                found = shares(look.seen.region_shares)
                best = max(found, key=found.__getitem__)
                told.append((found[best], best in set().union(*answers)))
        known += [(probability, is_right, 1 / len(told)) for probability, is_right in told]
    if not known:
        return 0.0
    known.sort(reverse=True)
    weight = np.cumsum([one[2] for one in known])
    right = np.cumsum([one[1] * one[2] for one in known]) / weight
    good = np.flatnonzero(right >= REGION_RIGHT)
    return known[int(good[-1])][0] if len(good) else ABOVE_ALL


def _withdrawn(look: Look, scope: Scope | None, ood: OodDetector | None) -> bool:
    ended = scope is not None and scope.ends_at(look.seen.outside, look.seen.growth_plates)
    unlike = ood is not None and look.unlike is not None and ood.flags(look.unlike)
    return bool(ended) or unlike


def _probabilities(looks: Iterable[Look], fractured: bool) -> Floats:
    return np.array([look.probability for look in looks if look.record.fractured is fractured])


def _by_source(looks: Iterable[Look]) -> dict[str, list[Look]]:
    found: dict[str, list[Look]] = defaultdict(list)
    for look in looks:
        found[look.record.source].append(look)
    return dict(found)


def _figures(looks: Sequence[Look], points: OperatingPoints) -> dict[str, Any]:
    """How a source's evaluated radiographs are decided."""
    ones, zeros = _probabilities(looks, True), _probabilities(looks, False)
    low, high = points.high_sensitivity.probability, points.high_specificity.probability
    return {
        "fractured": len(ones),
        "normal": len(zeros),
        "missed": None if not len(ones) else float((ones < low).mean()),
        "definite": None if not len(ones) else float((ones >= high).mean()),
        "specificity": None if not len(zeros) else float((zeros < low).mean()),
        "false_definite": None if not len(zeros) else float((zeros >= high).mean()),
    }
