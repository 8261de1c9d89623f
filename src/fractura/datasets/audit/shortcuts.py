"""How well fractures are told without looking at the bone: the baseline for an image model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.auroc import Auroc, auroc, grouped_auroc
from fractura.datasets.audit.columns import Column, column_sets, varies, without_label
from fractura.datasets.audit.examine import Examination
from fractura.datasets.audit.result import AuditProblem, Check
from fractura.datasets.audit.trees import held_out, mid_ranks, probabilities
from fractura.datasets.grouping import with_groups
from fractura.datasets.record import Record

FOLDS = 5
FEWEST_IMAGES = 20
FEWEST_GROUPS = 10
"""Images and groups that each class needs for figures to be given."""

NOTABLE = 0.6
"""Lower bound of the AUROC above which a shortcut is a warning."""

_ALL = "everything together"
_BINS = 10
_WORDS = {"fractured": ("fractured", "not fractured"), "abnormal": ("abnormal", "normal")}

Labels = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class _Sample:
    """The labelled images that figures are about."""

    name: str
    target: str
    positive: Labels
    groups: Numbers
    sets: Mapping[str, Sequence[Column]]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Baseline:
    """How well a model does that sees one set of columns, and each of its columns alone."""

    sample: _Sample
    sees: str
    area: Auroc
    columns: Mapping[str, float]


def check(
    records: Sequence[Record],
    examinations: Sequence[Examination],
    joined: Mapping[str, str] | None = None,
) -> Check:
    """AUROC of models that see only metadata, image size, file format or border, with intervals.

    Boosted trees are cross-validated over five folds that keep together what
    :func:`fractura.datasets.grouping.with_groups` links, so every image is scored by a model that
    has not seen its group. The result does not depend on the order of the records.

    Args:
        records, examinations: of the same images in the same order.
        joined: further groups, as an audit finds them: a name for some of the ids.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return _check('not computed: it needs scikit-learn, pip install "fractura[data]"')
    order = sorted(range(len(records)), key=lambda position: records[position].id)
    grouped = with_groups([records[position] for position in order], joined or {})
    examined = [examinations[position] for position in order]
    sources = sorted({record.source for record in grouped})
    samples = []
    for source in (None, *sources) if len(sources) > 1 else sources:
        chosen = [at for at, record in enumerate(grouped) if source in (None, record.source)]
        sample = _sample(
            source or "all sources", [grouped[at] for at in chosen], [examined[at] for at in chosen]
        )
        samples += [sample] if sample else []
    if not samples:
        return _check(
            f"not computed: at least {FEWEST_IMAGES} images and {FEWEST_GROUPS} groups are needed "
            "of each class, fractured and not, or abnormal and normal"
        )
    baselines = [baseline for sample in samples for baseline in _baselines(sample)]
    if not baselines:
        return _check("nothing but the pixels differs between the images")
    best = max(
        (item for item in baselines if item.sample is baselines[0].sample),
        key=lambda item: item.area.value,
    )
    return _check(
        f"{_sentence(best)}; an image model must do better",
        (
            *map(_problem, sorted(baselines, key=lambda item: -item.area.low)),
            *(
                AuditProblem(
                    "note", f"{name} is given for one class alone: it repeats the label", ()
                )
                for name in sorted({name for sample in samples for name in sample.left_out})
            ),
        ),
        {"baselines": list(map(_figures, baselines))},
    )


def _check(
    summary: str, problems: tuple[AuditProblem, ...] = (), figures: Mapping[str, Any] | None = None
) -> Check:
    return Check(
        name="shortcuts",
        title="Shortcuts",
        explanation=(
            "What a model achieves that never looks at the bone: it sees only metadata, the size "
            "of the image, the format of the file, or the border and the brightness. AUROC 0.5 is "
            "chance. Figures are cross-validated with patients and copies kept together; intervals "
            "are 95 %. A model of images has learned something only as far as it does better."
        ),
        summary=summary,
        problems=problems,
        figures=figures or {},
    )


def _sample(
    name: str, records: Sequence[Record], examinations: Sequence[Examination]
) -> _Sample | None:
    """The images that a label tells apart, or ``None`` if there are too few of a class."""
    for target in _WORDS:
        known = [at for at, record in enumerate(records) if getattr(record, target) is not None]
        positive = np.array([getattr(records[at], target) for at in known], dtype=bool)
        names = [records[at].group or records[at].id for at in known]
        groups = np.unique(np.array(names, dtype=str), return_inverse=True)[1].astype(np.int64)
        if all(_enough(groups[positive == label]) for label in (True, False)):
            sets = column_sets([records[at] for at in known], [examinations[at] for at in known])
            sources = np.array([records[at].source for at in known])
            kept, left_out = [], []
            for column in sets["metadata"]:
                honest, repeating = without_label(column, sources, positive)
                kept += [honest] if varies(honest) else []
                left_out += [f"{column.name} of {source}" for source in repeating]
            sets["metadata"] = tuple(kept)
            return _Sample(name, target, positive, groups, sets, tuple(left_out))
    return None


def _enough(groups: Numbers) -> bool:
    return len(groups) >= FEWEST_IMAGES and len(np.unique(groups)) >= FEWEST_GROUPS


def _baselines(sample: _Sample) -> list[_Baseline]:
    folds = held_out(sample.positive, sample.groups, FOLDS, seed=0)
    everything = {column.name: column for columns in sample.sets.values() for column in columns}
    alone = {
        name: auroc(_rates(column, sample.positive, folds), sample.positive)
        for name, column in everything.items()
    }
    baselines = []
    for name, columns in {**sample.sets, _ALL: list(everything.values())}.items():
        if columns:
            scores = _scores(columns, sample.positive, folds)
            area = grouped_auroc(scores, sample.positive, sample.groups, folds=FOLDS)
            strongest = sorted(columns, key=lambda column: -alone[column.name])
            figures = {column.name: alone[column.name] for column in strongest}
            baselines.append(_Baseline(sample, name, area, figures))
    return baselines


def _scores(columns: Sequence[Column], positive: Labels, folds: Numbers) -> NDArray[np.float64]:
    """Each image's rank in its fold, by trees that were trained on the other folds."""
    table = np.stack([column.values for column in columns], axis=1)
    categorical = [column.categorical for column in columns]
    scores = np.zeros(len(folds))
    for fold in range(FOLDS):
        out = folds == fold
        scores[out] = mid_ranks(probabilities(table[~out], positive[~out], table[out], categorical))
    return scores


def _rates(column: Column, positive: Labels, folds: Numbers) -> NDArray[np.float64]:
    """Each image's rank in its fold by the positives among those with the same value elsewhere.

    Numbers are put into bins with as many images each; an unknown value is a value, too.
    """
    values = column.values
    if not column.categorical:
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
        values = np.where(np.isnan(values), np.nan, np.searchsorted(edges, values, side="left"))
    bins = np.nan_to_num(values, nan=-1).astype(np.int64) + 1
    rates = np.zeros(len(bins))
    for fold in range(FOLDS):
        out = folds == fold
        counts = np.bincount(bins[~out], minlength=bins.max() + 1)
        ones = np.bincount(bins[~out], positive[~out], bins.max() + 1)
        mean = positive[~out].mean()
        rates[out] = mid_ranks(((ones + mean) / (counts + 1))[bins[out]])
    return rates


def _sentence(item: _Baseline) -> str:
    positive = item.sample.positive
    return (
        f"{_WORDS[item.sample.target][0]} or not is told from {item.sees} with an AUROC of "
        f"{item.area} in {item.sample.name} (n = {len(positive):,}, {positive.sum():,} positive)"
    )


def _problem(item: _Baseline) -> AuditProblem:
    strongest = [f"{name} {area:.2f}" for name, area in list(item.columns.items())[:3]]
    return AuditProblem(
        "warning" if item.area.low > NOTABLE else "note",
        f"{_sentence(item)}; most telling alone: {', '.join(strongest)}",
        (),
        {"columns": {name: round(area, 3) for name, area in item.columns.items()}},
    )


def _figures(item: _Baseline) -> dict[str, Any]:
    return {
        "images of": item.sample.name,
        "target": item.sample.target,
        "model sees": item.sees,
        "auroc": round(item.area.value, 3),
        "low": round(item.area.low, 3),
        "high": round(item.area.high, 3),
        "n": len(item.sample.positive),
        "positive": int(item.sample.positive.sum()),
        "groups": len(np.unique(item.sample.groups)),
    }
