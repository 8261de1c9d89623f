"""Everything measured of one model: the one type that is written, read, shown and compared.

``fractura train``, ``evaluate``, ``report`` and ``compare`` all use it; :mod:`.evaluate` makes it.
Figures and sections are JSON's own objects, so that a file holds what the type holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from fractura.errors import FracturaError
from fractura.evaluation.interval import FigureValue
from fractura.evaluation.leaks import LeakValue

SCHEMA = 2
Kind = Literal["classification", "detection"]
Section = Mapping[str, Any]
"""A section's content, by the names that ``scorecard.schema.json`` and the guide list."""


class Unanswered(TypedDict):
    """Cases without a prediction: how many, and the ids of the first twenty."""

    count: int
    ids: Sequence[str]


@dataclass(frozen=True)
class Cost:
    """What the model costs; ``None`` where it was not measured or is not known.

    Attributes:
        parameters: of the network.
        latency_ms: median time of one image on the CPU, in milliseconds.
        threads: that it was measured with.
        training_seconds: in training steps, validation left out.
        epochs: trained.
        images_per_second: in training.
        input_side: of the square of input, or its longer side, in pixels.
        started_from: the pretrained weights, or ``none``.
    """

    parameters: int | None
    latency_ms: float | None
    threads: int | None
    training_seconds: float | None
    epochs: int | None
    images_per_second: float | None
    input_side: int | None
    started_from: str


@dataclass(frozen=True)
class Provenance:
    """Where the model comes from.

    Attributes:
        model: name of the architecture.
        recipe: name of the recipe.
        manifest_hash: content hash of the manifest.
        seed: of the run; ``None`` if not known.
        versions: of the libraries, by name.
        revision: of the source code.
        date: when it was trained, ISO 8601.
    """

    model: str
    recipe: str
    manifest_hash: str
    seed: int | None
    versions: Mapping[str, str]
    revision: str | None
    date: str


@dataclass(frozen=True)
class Split:
    """What was measured on one split. Sections that were not measured are ``None``.

    Attributes:
        cases, clusters: how many, and of how many groups of what belongs together.
        cases_sha256: of the cases' ids and labels.
        interval: how intervals were computed, in words.
        main: name of the figure by which models are sorted.
        figures: by name.
        level: what one case is: image, study or patient.
        model: name and version.
        names: of the negative and of the positive class.
        positives: cases that show what is looked for.
        not_evaluated: cases whose decision is *not evaluated*; ``None`` if the model decides
            nothing.
        figures_of_evaluated: the same figures of all other cases; ``None`` where there are no
            *not evaluated* cases, since the two would be the same.
        leaks_checked: whether cases that are not new to the model were looked for.
        leak: those that were found.
        unanswered: cases without a prediction.
        notes: sentences to be borne in mind.
        prevalence: in 0..1, for predictive values.
        points, curves, calibration, triage, baselines: see the guide.
        subgroups, worst_subgroups, subgroup_notes: likewise.
        fractured, boxes, detection, masks: of models that draw boxes.
        classes, confusion, baseline: of each class, rows of truth, and of always calling the most
            frequent class.
        gallery: pictures of the worst errors.
        robustness, metamorphic, tta, ood, heatmaps: of models that read changed radiographs.
    """

    cases: int
    clusters: int
    cases_sha256: str
    interval: str
    main: str
    figures: Mapping[str, FigureValue | None]
    level: str = "image"
    model: str | None = None
    names: Sequence[str] | None = None
    positives: int | None = None
    not_evaluated: int | None = None
    figures_of_evaluated: Mapping[str, FigureValue | None] | None = None
    leaks_checked: bool = False
    leak: LeakValue | None = None
    unanswered: Unanswered | None = None
    notes: Sequence[str] = ()
    prevalence: float | None = None
    points: Sequence[Section] | None = None
    curves: Section | None = None
    calibration: Section | None = None
    triage: Section | None = None
    baselines: Sequence[Section] | None = None
    subgroups: Sequence[Section] | None = None
    worst_subgroups: Section | None = None
    subgroup_notes: Sequence[str] = ()
    fractured: int | None = None
    boxes: int | None = None
    detection: Section | None = None
    masks: Section | None = None
    classes: Mapping[str, Section] | None = None
    confusion: Sequence[Sequence[int]] | None = None
    baseline: Section | None = None
    gallery: Sequence[Section] | None = None
    robustness: Section | None = None
    metamorphic: Sequence[Section] | None = None
    tta: Section | None = None
    ood: Sequence[Section] | None = None
    heatmaps: Section | None = None


@dataclass(frozen=True)
class Scorecard:
    """Everything measured of one model on one manifest.

    Attributes:
        model: name of the architecture or of the model.
        task: of the recipe.
        kind: whether boxes were measured too.
        classes: names, in order.
        cost, provenance: see their types.
        splits: by name.
        schema: version of this form.
    """

    model: str
    task: str
    kind: Kind
    classes: Sequence[str]
    cost: Cost
    provenance: Provenance
    splits: Mapping[str, Split] = field(default_factory=dict)
    schema: int = SCHEMA

    def of(self, split: str) -> Split:
        """What was measured on a split.

        Raises:
            FracturaError: nothing was; names the splits that were measured.
        """
        if split not in self.splits:
            there = ", ".join(self.splits) or "none"
            raise FracturaError(f"there is no split {split} in the scorecard; it has: {there}")
        return self.splits[split]

    def with_splits(self, others: Mapping[str, Split]) -> Scorecard:
        """The same with these splits too, which do not replace its own."""
        return replace(self, splits={**others, **self.splits})

    def as_dict(self) -> dict[str, Any]:
        """JSON's form, as ``scorecard.json`` holds it: without what was not measured."""
        splits = {
            name: {key: value for key, value in asdict(split).items() if value not in (None, ())}
            for name, split in self.splits.items()
        }
        return {
            "schema": self.schema,
            "model": self.model,
            "task": self.task,
            "kind": self.kind,
            "classes": list(self.classes),
            "cost": asdict(self.cost),
            "provenance": asdict(self.provenance),
            "splits": splits,
        }


def case_facts(
    ids: Sequence[str],
    clusters: Sequence[Any] | NDArray[Any],
    labels: Sequence[str],
    samples: int,
) -> dict[str, Any]:
    """``cases``, ``clusters``, ``cases_sha256`` and ``interval`` of a :class:`Split`."""
    pairs = sorted(zip(ids, labels, strict=True))
    digest = hashlib.sha256(json.dumps(pairs, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return {
        "cases": len(ids),
        "clusters": len(np.unique(np.asarray(clusters))),
        "cases_sha256": digest.hexdigest(),
        "interval": f"95 %, cluster bootstrap, {samples} samples",
    }
