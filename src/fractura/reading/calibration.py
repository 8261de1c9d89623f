"""From a network's logits to probabilities, and from a probability to a decision."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fractura.findings import Decision, Finding

Logits = TypeVar("Logits", np.float32, np.float64)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Logistic calibration (Platt 1999) of the image and the box scores.

    Each logit is scaled by a weight and shifted by a bias, then goes through the logistic
    function, so the order of images and of boxes stays what the network says.
    """

    image_weight: float
    image_bias: float
    box_weight: float
    box_bias: float

    def probability(self, image_logit: float) -> float:
        """Probability in 0..1 that the image shows a fracture."""
        return sigmoid(self.image_weight * image_logit + self.image_bias)

    def box_scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability that each box marks a fracture, ``[n]`` in 0..1."""
        scaled = self.box_weight * logits + self.box_bias
        return np.asarray(0.5 * (1 + np.tanh(scaled / 2)), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Thresholds on the image probability and on a box's score."""

    probability: float
    box_score: float


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """The two named operating points; between them a reading is uncertain."""

    high_sensitivity: OperatingPoint
    high_specificity: OperatingPoint

    def decide(self, probability: float) -> Decision:
        """``fracture``, ``no fracture`` or, between the two points, ``uncertain``."""
        if probability >= self.high_specificity.probability:
            return "fracture"
        return "uncertain" if probability >= self.high_sensitivity.probability else "no fracture"

    def listed(self, decision: Decision, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Findings from the high-sensitivity point on; none if no fracture was said or nothing."""
        if decision in ("no fracture", "not evaluated"):
            return ()
        smallest = self.high_sensitivity.box_score
        return tuple(finding for finding in findings if finding.score >= smallest)


@dataclass(frozen=True, slots=True)
class ConformalGuarantee:
    """What the thresholds on the image probability promise of new radiographs.

    Class-conditional conformal prediction (Vovk 2012, arXiv 1209.2673), whatever the model: if new
    radiographs are drawn as those were that the thresholds were chosen on, a fracture is called
    ``no fracture`` with a chance of at most ``missed``, and a normal image ``fracture`` with a
    chance of at most ``false_alarm``. The others are ``uncertain``.

    Attributes:
        missed, false_alarm: chances in 0..1.
        fractured, normal: how many such radiographs the thresholds rest on.
        chosen_on: name of these, for people.
    """

    missed: float
    false_alarm: float
    fractured: int
    normal: int
    chosen_on: str

    def sentence(self) -> str:
        """One line for a person."""
        return (
            f"at most {self.missed:.0%} of fractures are called no fracture and at most "
            f"{self.false_alarm:.0%} of normals fracture, if new radiographs are like "
            f"the {self.fractured:,} with and {self.normal:,} without a fracture of "
            f"{self.chosen_on}"
        )


def softmax(logits: NDArray[Logits]) -> NDArray[Logits]:
    """Probabilities ``[..., C]`` of logits ``[..., C]``, in their precision; they sum to 1."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def sigmoid(logit: float) -> float:
    """The logistic function, without overflow."""
    return 0.5 * (1 + math.tanh(logit / 2))
