"""Cases with boxes, made of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.evaluation.cases import Boxes, Cases
from fractura.findings import Box

Floats = NDArray[np.float64]


def boxed_cases(
    images: Sequence[tuple[Floats, Floats, Floats]],
    positive: NDArray[np.bool_],
    probability: Floats,
) -> Cases:
    """Cases of each image's boxes ``[n, 4]``, their scores ``[n]`` and true boxes ``[m, 4]``."""
    return Cases(
        model="m 1",
        records=tuple(
            Record(
                id=f"image-{number}",
                path=Path(f"{number}.png"),
                source="s",
                label="fracture" if fractured else "no fracture",
                annotations=tuple(Annotation(FRACTURE, Box(*box)) for box in truth.tolist()),
            )
            for number, ((_, _, truth), fractured) in enumerate(zip(images, positive, strict=True))
        ),
        positive=positive,
        probability=probability,
        clusters=np.arange(len(images)),
        found=_boxes([one[0] for one in images], [one[1] for one in images]),
        truths=_boxes([one[2] for one in images], [np.ones(len(one[2])) for one in images]),
    )


def _boxes(corners: Sequence[Floats], scores: Sequence[Floats]) -> Boxes:
    order = [np.argsort(-one, kind="stable") for one in scores]
    return Boxes(
        case=np.repeat(np.arange(len(corners)), [len(one) for one in corners]),
        corners=np.concatenate([one[at] for one, at in zip(corners, order, strict=True)]),
        scores=np.concatenate([one[at] for one, at in zip(scores, order, strict=True)]),
    )
