"""Tell the class of a radiograph: inference of classification models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractura.errors import ModelError
from fractura.imaging.preprocess import preprocess
from fractura.imaging.radiograph import Radiograph
from fractura.reading.calibration import Calibration, softmax
from fractura.reading.model import Model


class ClassReader:
    """A model that gives each of its classes a probability. Threads may share it."""

    def __init__(self, model: str | Path, *, threads: int | None = None) -> None:
        """Open an exported classification model.

        Args:
            model: the path of an exported model.
            threads: processor threads that share one radiograph.

        Raises:
            ModelError: there is no such model, the file is none of ours, or it gives boxes.
        """
        self._model = Model(model, threads)
        self.description = self._model.description
        if not self.description.classifies:
            raise ModelError(
                f"{model} is a {self.description.task} model and gives boxes; "
                f"use fractura detect --model {model} PATH"
            )

    def classify(self, radiograph: Radiograph) -> dict[str, float]:
        """Calibrated probability of each class, in the model's order; they sum to 1."""
        inputs, _ = preprocess(radiograph.pixels, self.description.preprocess)
        shares = probabilities(self._model.logits(inputs), self.description.calibration)
        return dict(zip(self.description.classes, shares.tolist(), strict=True))


def probabilities(logits: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float64]:
    """Probabilities ``[..., C]`` of logits ``[..., C]``; they sum to 1.

    Of two classes the second has the logistic function of the scaled and shifted difference of
    the logits (Platt 1999); of more, the softmax of the logits times ``image_weight``, the inverse
    of a temperature (Guo et al. 2017, arXiv 1706.04599).
    """
    scaled = logits.astype(np.float64)
    if scaled.shape[-1] == 2:
        odds = calibration.image_weight * (scaled[..., 1] - scaled[..., 0]) + calibration.image_bias
        scaled = np.stack([np.zeros_like(odds), odds], axis=-1)
    else:
        scaled = scaled * calibration.image_weight
    return softmax(scaled)
