"""Read a radiograph: the public face of inference."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.errors import ModelError
from fractura.findings import Box, Finding, Reading, Reason
from fractura.imaging.load import load, load_bytes
from fractura.imaging.preprocess import Placement, preprocess
from fractura.imaging.radiograph import Radiograph
from fractura.ood.detector import ood_detector_from
from fractura.ood.scope import Scope
from fractura.reading.calibration import sigmoid, softmax
from fractura.reading.decode import DecodedBoxes, decode
from fractura.reading.intended_use import excluded, region_of
from fractura.reading.model import DEFAULT_MODEL, ImageOutput, Model, ModelDescription
from fractura.reading.reliability import NO_RADIOGRAPH, POLARITY, UNLIKE, doubtful, not_evaluated
from fractura.reading.visibility import TOO_LITTLE, shows_too_little
from fractura.regions import COARSE, OUTSIDE, are_near

SMALLEST_SCORE = 0.001
"""Findings below this calibrated score are never listed."""


@dataclass(frozen=True, eq=False)
class UncalibratedReading:
    """What a network of any kind says of one radiograph, before calibration.

    ``image`` is the logit of a fracture, ``boxes`` are in input pixels; ``outside`` and
    ``growth_plates`` are probabilities in 0..1, see :class:`fractura.ood.scope.Scope`.
    """

    image: float
    boxes: DecodedBoxes
    region: str | None = None
    region_probability: float | None = None
    region_shares: Mapping[str, float] | None = None
    outside: float | None = None
    growth_plates: float | None = None
    evidence: NDArray[np.float32] | None = None
    embedding: NDArray[np.float32] | None = None


class Reader:
    """A model that reads radiographs. Safe to share between threads.

    >>> from fractura import Reader, load
    >>> reading = Reader().read(load("wrist.png"))  # doctest: +SKIP
    """

    def __init__(self, model: str | Path = DEFAULT_MODEL, *, threads: int | None = None) -> None:
        """Open a shipped model by name or an exported one by path.

        Args:
            model: a shipped model's name, or the path of an exported one. It tells whether there
                is a fracture: a multi-task, detection or binary-fracture model.
            threads: processor threads that share one reading.

        Raises:
            ModelError: there is no such model, the file is none of ours or damaged, or it does
                not tell fractures.
        """
        self._model = Model(model, threads)
        self.description = self._model.description
        if self.description.task not in _INTERPRETERS:
            raise ModelError(
                f"{model} does not look for fractures but tells {self.description.task}; "
                f"use fractura predict {model} PATH"
            )
        self._run, self._interpret = _INTERPRETERS[self.description.task]
        self._ood = ood_detector_from(self.description.ood)

    def read(
        self, radiograph: Radiograph, *, all_findings: bool = False, heatmap: bool = False
    ) -> Reading:
        """Say what the model sees in one radiograph.

        What shows too little (:mod:`fractura.reading.visibility`), is in colour
        (:mod:`fractura.imaging.colour`), is outside the model's scope
        (:mod:`fractura.ood.scope`) or looks unlike all that it has learned from
        (:mod:`fractura.ood.detector`) is ``not evaluated``, with the reason; so is one whose
        bone may be dark (:mod:`fractura.imaging.dicom_file.polarity`), instead of ``no fracture``.

        Args:
            radiograph: from :func:`fractura.load`.
            all_findings: list every box down to a score of 0.001, whatever the decision;
                otherwise the boxes at the high-sensitivity operating point, and none where the
                decision is ``no fracture``.
            heatmap: add the map of where the model sees evidence, if it is a multi-task one.
        """
        clock = [perf_counter()]
        inputs, placement = preprocess(radiograph.pixels, self.description.preprocess)
        clock.append(perf_counter())
        raw = self._run(self._model, inputs)
        clock.append(perf_counter())
        uncalibrated = self._interpret(raw, self.description)
        calibration, points = self.description.calibration, self.description.operating_points
        probability = calibration.probability(uncalibrated.image)
        decision = points.decide(probability)
        findings = _findings(
            placement.to_source(uncalibrated.boxes.boxes),
            calibration.box_scores(uncalibrated.boxes.logits),
        )
        if not all_findings:
            findings = points.listed(decision, findings)
        clock.append(perf_counter())
        fitting, network, boxes = (1000 * np.diff(clock)).tolist()
        evidence = uncalibrated.evidence if heatmap else None
        reading = Reading(
            path=radiograph.path,
            sha256=radiograph.sha256,
            model=f"{self.description.name} {self.description.version}",
            width=radiograph.width,
            height=radiograph.height,
            probability=probability,
            decision=decision,
            findings=findings,
            region=uncalibrated.region,
            region_probability=uncalibrated.region_probability,
            warnings=radiograph.warnings,
            milliseconds={"preprocess": fitting, "network": network, "boxes": boxes},
            heatmap=None if evidence is None else _heatmap(evidence, placement, inputs.shape),
        )
        reason = self._declines(uncalibrated, radiograph)
        reading = _with_stated_region(reading, radiograph)
        if reason is not None:
            return not_evaluated(reading, reason)
        if radiograph.polarity_doubtful:
            silent = reading.decision == "no fracture"
            return (not_evaluated if silent else doubtful)(reading, POLARITY)
        return reading

    def _declines(self, seen: UncalibratedReading, radiograph: Radiograph) -> Reason | None:
        """Why nothing can be said about bone; ``None`` where something can."""
        if shows_too_little(radiograph.pixels):
            return TOO_LITTLE
        if radiograph.in_colour:
            return NO_RADIOGRAPH
        scope = self.description.scope
        if scope is not None:
            ends = excluded(scope, radiograph.age, radiograph.body_part)
            # A stated age goes before what growth plates look like.
            plates = None if radiograph.age is not None else seen.growth_plates
            ends = ends or scope.ends_at(seen.outside, plates)
            if ends:
                return ends
        unlike = self.unlikeness(seen)
        flagged = self._ood is not None and unlike is not None and self._ood.flags(unlike)
        return UNLIKE if flagged else None

    def unlikeness(self, seen: UncalibratedReading) -> float | None:
        """How foreign a picture looks; ``None`` where the model cannot tell.

        See :meth:`fractura.ood.detector.OodDetector.score`.
        """
        if self._ood is None or seen.embedding is None:
            return None
        return self._ood.score(seen.embedding)

    def look(self, radiograph: Radiograph) -> UncalibratedReading:
        """What the network says, before calibration and without any threshold."""
        inputs, _ = preprocess(radiograph.pixels, self.description.preprocess)
        return self._interpret(self._run(self._model, inputs), self.description)

    def read_file(
        self,
        path: str | Path,
        *,
        frame: int | None = None,
        all_findings: bool = False,
        heatmap: bool = False,
    ) -> Reading:
        """Load one file and read it; ``milliseconds`` also holds the time to decode.

        Raises:
            LoadError: the file is not a readable radiograph.
        """
        return load_and_read(self, path, frame=frame, all_findings=all_findings, heatmap=heatmap)[1]

    def read_bytes(
        self,
        data: bytes,
        *,
        name: str | None = None,
        frame: int | None = None,
        all_findings: bool = False,
        heatmap: bool = False,
    ) -> Reading:
        """Read a file that is in memory; ``milliseconds`` also holds the time to decode.

        Args:
            data: of the file.
            name: stands in messages and as the reading's path.
            frame: which frame of a file with several, counted from 1.
            all_findings, heatmap: as in :meth:`read`.

        Raises:
            LoadError: the bytes are not a readable radiograph.
        """
        start = perf_counter()
        radiograph = load_bytes(data, name=name, frame=frame)
        decoding = 1000 * (perf_counter() - start)
        return _decoded(self.read(radiograph, all_findings=all_findings, heatmap=heatmap), decoding)


def _with_stated_region(reading: Reading, radiograph: Radiograph) -> Reading:
    """The header's word for the region goes before the network's; where they differ, a warning."""
    stated = region_of(radiograph.body_part)
    if stated is None:
        return reading
    warnings = reading.warnings
    if reading.region is not None and not are_near(reading.region, stated):
        warnings = (*warnings, f"the header says {stated}, the picture looks like {reading.region}")
    return replace(reading, region=stated, region_probability=1.0, warnings=warnings)


def _decoded(reading: Reading, milliseconds: float) -> Reading:
    return replace(reading, milliseconds={"decode": milliseconds, **reading.milliseconds})


def load_and_read(
    reader: Reader,
    path: str | os.PathLike[str],
    *,
    frame: int | None,
    all_findings: bool,
    heatmap: bool,
) -> tuple[Radiograph, Reading]:
    """What :meth:`Reader.read_file` does, with the radiograph, for those who draw on it."""
    start = perf_counter()
    radiograph = load(path, frame=frame)
    decoding = 1000 * (perf_counter() - start)
    reading = reader.read(radiograph, all_findings=all_findings, heatmap=heatmap)
    return radiograph, _decoded(reading, decoding)


def _findings(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> tuple[Finding, ...]:
    return tuple(
        Finding("fracture", score, Box(*corners))
        for corners, score in zip(boxes.tolist(), scores.tolist(), strict=True)
        if score >= SMALLEST_SCORE and corners[0] < corners[2] and corners[1] < corners[3]
    )


def _heatmap(
    evidence: NDArray[np.float32], placement: Placement, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """The evidence map as probabilities, at the source image's size."""
    probability = (0.5 * (1 + np.tanh(evidence / 2))).astype(np.float32)
    full = cv2.resize(probability, shape[:1:-1], interpolation=cv2.INTER_CUBIC)
    shown_height, shown_width = placement.shown
    height = round(shown_height * placement.scale_y)
    width = round(shown_width * placement.scale_x)
    sized = np.zeros((placement.height, placement.width), np.float32)
    rows = slice(placement.top, placement.top + shown_height)
    columns = slice(placement.left, placement.left + shown_width)
    sized[rows, columns] = cv2.resize(full[:height, :width], (shown_width, shown_height))
    return np.clip(sized, 0, 1)


def _multi_task(raw: ImageOutput, description: ModelDescription) -> UncalibratedReading:
    shares = dict(zip(description.regions, softmax(raw.regions).tolist(), strict=True))
    outside = shares.pop(OUTSIDE, None)
    region = _sure_region(shares, description.scope)
    return UncalibratedReading(
        image=raw.image,
        boxes=decode(raw.scores, raw.boxes),
        region=None if region is None else region[0],
        region_probability=None if region is None else region[1],
        region_shares=shares,
        outside=outside,
        growth_plates=None if raw.growth_plates is None else sigmoid(raw.growth_plates),
        evidence=raw.evidence,
        embedding=raw.embedding,
    )


def _sure_region(shares: Mapping[str, float], scope: Scope | None) -> tuple[str, float] | None:
    """The region where it is sure, else the limb where that is; with their probabilities."""
    best = max(shares, key=shares.__getitem__)
    if scope is None or shares[best] >= scope.region:
        return best, shares[best]
    limbs = limb_shares(shares)
    limb = max(limbs, key=limbs.__getitem__)
    return (limb, limbs[limb]) if limbs[limb] >= scope.limb else None


def limb_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """Probability in 0..1 of each of :data:`fractura.regions.COARSE`, from those of regions."""
    return {
        name: min(1.0, sum(shares.get(member, 0.0) for member in members))
        for name, members in COARSE.items()
    }


def _detection(raw: DecodedBoxes, description: ModelDescription) -> UncalibratedReading:
    return UncalibratedReading(image=raw.best, boxes=raw)


def _binary(
    raw: tuple[NDArray[np.float32], NDArray[np.float32] | None], description: ModelDescription
) -> UncalibratedReading:
    logits, embedding = raw
    none = DecodedBoxes(np.empty((0, 4), np.float32), np.empty(0, np.float32))
    return UncalibratedReading(image=float(logits[1] - logits[0]), boxes=none, embedding=embedding)


_INTERPRETERS: dict[
    str, tuple[Callable[..., Any], Callable[[Any, ModelDescription], UncalibratedReading]]
] = {
    "multi-task": (Model.run, _multi_task),
    "detection": (Model.boxes, _detection),
    "binary-fracture": (Model.logits_and_embedding, _binary),
}
