"""The vocabulary of results: what a model says of one radiograph, in plain dataclasses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Decision = Literal["fracture", "no fracture", "uncertain", "not evaluated"]
"""What is said of a radiograph. The first three are answers about bone, the last is none."""
ReasonCode = Literal[
    "no-radiograph", "outside-scope", "polarity-doubtful", "too-little-to-see", "unlike"
]
"""Why a reading is not reliable: the picture is no radiograph; the model is not meant for such
radiographs; bone may be shown dark; the picture shows too little; it looks unlike all that the
model has learned from."""
SCHEMA = 1
"""Number of the JSON form of readings and failures; it grows when a key changes its meaning."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels of the source image, origin top left, edges continuous.

    A box around the single pixel in column 3 of row 5 is ``Box(3, 5, 4, 6)``.
    """

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    @property
    def width(self) -> float:
        """In pixels of the source image."""
        return self.x_max - self.x_min

    @property
    def height(self) -> float:
        """In pixels of the source image."""
        return self.y_max - self.y_min

    def as_list(self) -> list[float]:
        """``[x_min, y_min, x_max, y_max]``."""
        return [self.x_min, self.y_min, self.x_max, self.y_max]

    @property
    def finite(self) -> bool:
        """Whether every corner is a number, and none infinite."""
        return all(map(math.isfinite, self.as_list()))

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0..1; 0 where both have no area."""
        width = min(self.x_max, other.x_max) - max(self.x_min, other.x_min)
        height = min(self.y_max, other.y_max) - max(self.y_min, other.y_min)
        shared = max(0.0, width) * max(0.0, height)
        either = self.width * self.height + other.width * other.height - shared
        return shared / either if either > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One suspected abnormality: a label, a calibrated score in 0..1 and where it is."""

    label: str
    score: float
    box: Box

    def as_dict(self) -> dict[str, Any]:
        """JSON's form: score to five decimals, corners to two."""
        return {
            "label": self.label,
            "score": round(self.score, 5),
            "box": [round(value, 2) for value in self.box.as_list()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """The inverse of :meth:`as_dict`, up to its rounding."""
        return cls(data["label"], float(data["score"]), Box(*map(float, data["box"])))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a reading is not reliable: a code for programs and a sentence for people.

    The sentence has neither a capital letter nor a full stop, so that it can stand after a colon.
    """

    code: ReasonCode
    sentence: str

    def as_dict(self) -> dict[str, str]:
        """The documented JSON form."""
        return {"code": self.code, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says of one radiograph.

    ``probability`` is the calibrated probability in 0..1 that the image shows a fracture. Where
    the ``decision`` is ``not evaluated``, nothing is said about bone and there are no findings.
    ``reliable`` is False where the picture gives cause for doubt, and ``reason`` then tells why.
    ``findings`` are sorted by falling score; ``region`` and ``region_probability`` are None where
    the model does not tell the region; ``milliseconds`` says where the time went; ``heatmap``,
    float32 ``[height, width]`` in 0..1, is there on request and stays out of JSON.
    """

    path: str | None
    sha256: str
    model: str
    width: int
    height: int
    probability: float
    decision: Decision
    findings: tuple[Finding, ...]
    region: str | None = None
    region_probability: float | None = None
    warnings: tuple[str, ...] = ()
    reliable: bool = True
    reason: Reason | None = None
    milliseconds: Mapping[str, float] = field(default_factory=dict, compare=False)
    heatmap: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form: one such object a line in ``readings.jsonl``."""
        return {
            "schema": SCHEMA,
            "path": self.path,
            "sha256": self.sha256,
            "model": self.model,
            "width": self.width,
            "height": self.height,
            "fracture": {
                "probability": round(self.probability, 5),
                "decision": self.decision,
                "reliable": self.reliable,
                "reason": None if self.reason is None else self.reason.as_dict(),
            },
            "findings": [finding.as_dict() for finding in self.findings],
            "region": None
            if self.region is None or self.region_probability is None
            else {"label": self.region, "probability": round(self.region_probability, 5)},
            "warnings": list(self.warnings),
            "milliseconds": {name: round(value, 2) for name, value in self.milliseconds.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reading:
        """The inverse of :meth:`as_dict`, up to its rounding."""
        fracture, region = data["fracture"], data["region"] or {"label": None, "probability": None}
        reason = fracture["reason"]
        return cls(
            path=data["path"],
            sha256=data["sha256"],
            model=data["model"],
            width=data["width"],
            height=data["height"],
            probability=fracture["probability"],
            decision=fracture["decision"],
            findings=tuple(Finding.from_dict(finding) for finding in data["findings"]),
            reliable=fracture["reliable"],
            reason=None if reason is None else Reason(reason["code"], reason["sentence"]),
            region=region["label"],
            region_probability=region["probability"],
            warnings=tuple(data["warnings"]),
            milliseconds=dict(data["milliseconds"]),
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read: which, the error's type and its sentence."""

    path: str
    type: str
    message: str

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form, in place of a reading's."""
        return {
            "schema": SCHEMA,
            "path": self.path,
            "error": {"type": self.type, "message": self.message},
        }
