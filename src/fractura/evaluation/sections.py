"""Everything that a reviewer asks of one model on one split, as one scorecard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.record import Record
from fractura.errors import FracturaError
from fractura.evaluation.cases import NOT_EVALUATED, Cases
from fractura.evaluation.classification import THRESHOLD
from fractura.evaluation.gallery import gallery
from fractura.evaluation.interval import FigureValue
from fractura.evaluation.leaks import Leak
from fractura.evaluation.metrics.baselines import baselines
from fractura.evaluation.metrics.boxes import detection
from fractura.evaluation.metrics.calibration import calibration
from fractura.evaluation.metrics.curves import curves
from fractura.evaluation.metrics.image import as_classes, image_figures, image_notes
from fractura.evaluation.metrics.masks import masks
from fractura.evaluation.metrics.points import MeasuredPoint, choose, operating_points
from fractura.evaluation.metrics.subgroups import subgroups
from fractura.evaluation.metrics.triage import fit_triage, triage
from fractura.evaluation.scorecard import Split, case_facts
from fractura.progress import Progress
from fractura.reading.model import ModelDescription
from fractura.reading.reader import Reader

RULES = ("sensitivity>=0.9", "specificity>=0.95", "youden")


@dataclass(frozen=True)
class Chosen:
    """Cases of another split, on which thresholds and triage are chosen."""

    split: str
    cases: Cases
    rules: tuple[str, ...] = RULES


def evaluate_cases(
    cases: Cases,
    *,
    out: Path | None = None,
    chosen: Chosen | None = None,
    points: Sequence[MeasuredPoint] = (),
    training: Sequence[Record] = (),
    prevalence: float | None = None,
    leak: Leak | None = None,
    unanswered: Sequence[str] = (),
    notes: Sequence[str] = (),
    samples: int = 2000,
    seed: int = 0,
) -> Split:
    """Measure predictions that are there already.

    Args:
        cases: of one split.
        out: folder for pictures of the worst errors; ``None`` makes none.
        chosen: where thresholds and triage are chosen. Without it triage is cross-fitted, and
            only given thresholds are measured.
        points: the model's own thresholds.
        training: records that the baselines learn from; without them they are cross-validated.
        prevalence: of fractures where the model is to be used, in 0..1, for predictive values.
        leak: cases that are not new to the model.
        unanswered: ids of the radiographs without a prediction.
        notes: sentences about the predictions.
        samples: bootstrap samples.
        seed: of the bootstrap and of everything drawn.

    Returns:
        One split of a scorecard.

    Raises:
        FracturaError: there is no case, or an id comes twice.
    """
    _check(cases)
    options = {"samples": samples, "seed": seed}
    thresholds = [*points, MeasuredPoint("0.5", f"probability ≥ {THRESHOLD}", THRESHOLD, "nothing")]
    if chosen is not None:
        thresholds += [
            MeasuredPoint(rule, rule, choose(chosen.cases, rule), f"split {chosen.split}")
            for rule in chosen.rules
        ]
    boxes = detection(cases, **options) if cases.found and cases.truths else None
    classes = as_classes(cases, **options)
    fitted = None if chosen is None else fit_triage(chosen.cases, name=f"split {chosen.split}")
    strata = subgroups(cases, **options)
    evaluated = _evaluated(cases)
    return Split(
        **case_facts(cases.ids, cases.clusters, labels(cases), samples),
        level=cases.level,
        model=cases.model,
        names=list(cases.names),
        positives=int(cases.positive.sum()),
        not_evaluated=None if evaluated is None else int((~evaluated).sum()),
        figures_of_evaluated=_figures_of(cases, evaluated, **options),
        leaks_checked=True,
        leak=None if leak is None else leak.as_dict(),
        unanswered={"count": len(unanswered), "ids": list(unanswered[:20])},
        notes=[*notes, *image_notes(cases)],
        main="auroc" if boxes is None else "ap50",
        figures=_figures(image_figures(cases, classes, **options), boxes),
        prevalence=prevalence,
        points=operating_points(cases, thresholds, prevalence=prevalence, **options),
        curves=curves(cases),
        calibration=calibration(cases, **options),
        triage=triage(cases, fitted, **options),
        baselines=baselines(cases, training, **options),
        subgroups=strata["subgroups"],
        worst_subgroups=strata["worst_subgroups"],
        subgroup_notes=strata["notes"],
        gallery=gallery(cases, out) if cases.level == "image" else None,
        **(classes.by_class() if boxes is None else _boxed(cases, boxes, **options)),
    )


def _evaluated(cases: Cases) -> NDArray[np.bool_] | None:
    """Which cases the model did not decline to evaluate; ``None`` if it decides nothing."""
    return None if cases.decisions is None else cases.decisions != NOT_EVALUATED


def _figures_of(
    cases: Cases, evaluated: NDArray[np.bool_] | None, **options: int
) -> dict[str, FigureValue | None] | None:
    """The figures of the evaluated cases, where others are not evaluated."""
    if evaluated is None or evaluated.all() or not evaluated.any():
        return None
    kept = cases.of(np.flatnonzero(evaluated))
    boxes = detection(kept, **options) if kept.found and kept.truths else None
    return _figures(image_figures(kept, as_classes(kept, **options), **options), boxes)


def stress(
    cases: Cases,
    model: str | Path,
    limit: int | None,
    *,
    samples: int = 2000,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Read changed, foreign and explained radiographs with the model.

    Args:
        cases: answered by this model.
        model: a shipped model's name, or the path of an exported file.
        limit: radiographs for each change, drawn so that both classes are there; ``None`` takes
            all.
        samples: bootstrap samples.
        seed: of the drawing.
        workers: threads that read.
        progress: shows how far it is.

    Returns:
        The sections ``robustness``, ``metamorphic`` and ``tta``; ``ood`` for a model that knows
        what it was trained on, ``heatmaps`` for one that has a heatmap.
    """
    from fractura.evaluation.stress.heatmaps import heatmaps
    from fractura.evaluation.stress.metamorphic import relations
    from fractura.evaluation.stress.ood import foreign
    from fractura.evaluation.stress.robustness import robustness
    from fractura.evaluation.stress.tta import augmented

    reader = Reader(model, threads=1)

    def read(radiograph: Any) -> Any:
        return reader.read(radiograph, all_findings=True)

    options: Mapping[str, Any] = {
        "limit": limit, "samples": samples, "seed": seed, "workers": workers, "progress": progress,
    }  # fmt: skip
    sections = {
        "robustness": robustness(cases, read, **options),
        "metamorphic": relations(cases, read, **options),
        "tta": augmented(cases, read, **options),
    }
    if reader.description.ood is not None:
        sections["ood"] = foreign(read, cases=cases, **options)
    if reader.description.task == "multi-task" and cases.truths is not None:
        sections["heatmaps"] = heatmaps(cases, reader, model, **options)
    return sections


def own_points(description: ModelDescription) -> list[MeasuredPoint]:
    """The operating points that a model file of ours holds."""
    points = description.operating_points
    return [
        MeasuredPoint(
            "high sensitivity", "the model's own", points.high_sensitivity.probability, _OWN
        ),
        MeasuredPoint(
            "high specificity", "the model's own", points.high_specificity.probability, _OWN
        ),
    ]


_OWN = "its validation split"


def labels(cases: Cases) -> list[str]:
    """What is known of each case, so that a hash tells whether two scorecards are of the same."""
    if cases.truths is None:
        return [cases.names[int(positive)] for positive in cases.positive]
    counts = np.bincount(cases.truths.case, minlength=len(cases))
    return [
        f"{cases.names[int(positive)]} {count}"
        for positive, count in zip(cases.positive, counts, strict=True)
    ]


def _check(cases: Cases) -> None:
    if not len(cases):
        raise FracturaError("there is nothing to measure: no case has a label and an answer")
    seen: set[str] = set()
    for name in cases.ids:
        if name in seen:
            raise FracturaError(f"{name} comes twice; give each case once")
        seen.add(name)


def _figures(
    image: Mapping[str, FigureValue | None], detected: Mapping[str, Any] | None
) -> dict[str, FigureValue | None]:
    """Those of images and of boxes in one list, the ranking ones first."""
    if detected is None:
        return dict(image)
    boxes = detected["figures"]
    ranking = ("auroc", "average_precision")
    of_boxes = [name for name in boxes if _is_main(name)]
    return {
        **{name: boxes[name] for name in of_boxes if name.startswith("ap")},
        **{name: image[name] for name in ranking},
        **image,
        **{name: boxes[name] for name in of_boxes},
    }


def _is_main(name: str) -> bool:
    if name.startswith("sensitivity_at_"):
        return not name.endswith("fractured_only")
    return name in ("ap50", "ap75", "ap50_95", "ap50_fractured_only")


def _boxed(cases: Cases, boxes: Mapping[str, Any], **options: int) -> dict[str, Any]:
    """What scorecards of boxes hold besides."""
    return {
        "fractured": int(cases.positive.sum()),
        "boxes": 0 if cases.truths is None else len(cases.truths),
        "detection": boxes,
        "masks": masks(cases, **options),
    }
