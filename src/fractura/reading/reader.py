"""Read a radiograph: the public face of inference."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.findings import Box, Finding, Reading
from fractura.imaging.fit import Placement, fit
from fractura.imaging.load import load
from fractura.imaging.radiograph import Radiograph
from fractura.reading.decode import decode
from fractura.reading.model import DEFAULT_MODEL, Model, RawOutput

SMALLEST_SCORE = 0.001
"""Findings below this calibrated score are never listed."""


class Reader:
    """A model that reads radiographs. Safe to share between threads.

    >>> from fractura import Reader, load
    >>> reading = Reader().read(load("wrist.png"))  # doctest: +SKIP
    """

    def __init__(self, model: str | Path = DEFAULT_MODEL, *, threads: int | None = None) -> None:
        """Open a shipped model by name or an exported one by path.

        Args:
            model: a shipped model's name, or the path of an ONNX file.
            threads: processor threads that share one reading.

        Raises:
            ModelError: there is no such model, or the file is none of ours.
        """
        self._model = Model(model, threads)
        self.description = self._model.description

    def read(
        self, radiograph: Radiograph, *, all_findings: bool = False, heatmap: bool = False
    ) -> Reading:
        """Say what the model sees in one radiograph.

        Args:
            radiograph: from :func:`fractura.load`.
            all_findings: list every box down to a score of 0.001, whatever the decision;
                otherwise the boxes at the high-sensitivity operating point, and none where the
                decision is ``no fracture``.
            heatmap: add the class-activation map.
        """
        clock = [perf_counter()]
        inputs, placement = fit(radiograph.pixels, self.description.fit)
        clock.append(perf_counter())
        raw = self._model.run(inputs)
        clock.append(perf_counter())
        candidates = decode(raw.scores, raw.boxes)
        calibration, points = self.description.calibration, self.description.operating_points
        probability = calibration.probability(raw.image)
        decision = points.decide(probability)
        findings = _findings(
            placement.to_source(candidates.boxes), calibration.box_scores(candidates.logits)
        )
        if not all_findings:
            findings = points.listed(decision, findings)
        shares = np.exp(raw.regions - raw.regions.max())
        shares /= shares.sum()
        region = int(shares.argmax())
        clock.append(perf_counter())
        fitting, network, boxes = (1000 * np.diff(clock)).tolist()
        return Reading(
            path=radiograph.path,
            sha256=radiograph.sha256,
            model=f"{self.description.name} {self.description.version}",
            width=radiograph.width,
            height=radiograph.height,
            probability=probability,
            decision=decision,
            findings=findings,
            region=self.description.regions[region],
            region_probability=float(shares[region]),
            warnings=radiograph.warnings,
            milliseconds={"fit": fitting, "network": network, "boxes": boxes},
            heatmap=_heatmap(raw, placement, inputs.shape) if heatmap else None,
        )

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
    return radiograph, replace(reading, milliseconds={"decode": decoding, **reading.milliseconds})


def _findings(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> tuple[Finding, ...]:
    return tuple(
        Finding("fracture", score, Box(*corners))
        for corners, score in zip(boxes.tolist(), scores.tolist(), strict=True)
        if score >= SMALLEST_SCORE and corners[0] < corners[2] and corners[1] < corners[3]
    )


def _heatmap(raw: RawOutput, placement: Placement, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The evidence map as probabilities, at the source image's size."""
    probability = (0.5 * (1 + np.tanh(raw.evidence / 2))).astype(np.float32)
    full = cv2.resize(probability, shape[:1:-1], interpolation=cv2.INTER_CUBIC)
    height = round(placement.height * placement.scale_y)
    width = round(placement.width * placement.scale_x)
    sized = cv2.resize(full[:height, :width], (placement.width, placement.height))
    return np.clip(sized, 0, 1).astype(np.float32)
