"""Whether a picture looks like the bone radiographs that a model was trained on."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.errors import ModelError

VERSION = 1
"""Of the form in a model file. A reader that does not know it gives no warning."""

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class OodDetector:
    """What a model remembers of its training radiographs, to notice pictures that are none.

    An embedding is standardised and projected to ``d`` directions. Its score is the sum of two
    terms: the logarithm of the squared Mahalanobis distance to radiographs (Lee et al. 2018, arXiv
    1807.03888) and the decision of a support vector machine between radiographs and made-up
    pictures (outlier exposure: Hendrycks et al. 2019, arXiv 1812.04606).

    Attributes:
        mean, scale: of the embeddings, ``[D]`` each.
        directions: ``[D, d]``.
        centre: of radiographs, ``[d]``.
        precision: inverse covariance of radiographs, ``[d, d]``.
        vectors: the machine's support vectors, ``[s, d]``.
        weights: theirs, ``[s]``; positive ones speak for a foreign picture.
        bias: of the machine.
        width: of its kernel, ``exp(-width * squared distance)``.
        threshold: pictures that score more are flagged.
    """

    mean: Array
    scale: Array
    directions: Array
    centre: Array
    precision: Array
    vectors: Array
    weights: Array
    bias: float
    width: float
    threshold: float

    def score(self, embedding: NDArray[np.floating[Any]]) -> float:
        """How foreign a picture with this embedding ``[D]`` looks; more is more foreign.

        Infinite where the embedding is not finite.
        """
        point = ((embedding - self.mean) / self.scale) @ self.directions
        apart = point - self.centre
        distance = float(apart @ self.precision @ apart)
        kernel = np.exp(-self.width * np.square(self.vectors - point).sum(1))
        score = float(np.log(max(distance, 1e-12)) + kernel @ self.weights + self.bias)
        return score if math.isfinite(score) else math.inf

    def flags(self, score: float) -> bool:
        """Whether a picture with this :meth:`score` looks unlike what the model knows."""
        return score > self.threshold

    def to_dict(self) -> dict[str, Any]:
        """For JSON: matrices in half precision, vectors in single precision, in base64."""
        return {"version": VERSION} | {
            field.name: _packed(getattr(self, field.name)) for field in fields(self)
        }


def ood_detector_from(stored: Mapping[str, Any] | None) -> OodDetector | None:
    """The inverse of :meth:`OodDetector.to_dict`.

    Args:
        stored: from a model's description; ``None`` where a model knows nothing of this.

    Returns:
        ``None`` if nothing is stored, or in a form that this version does not know.

    Raises:
        ModelError: it is damaged.
    """
    if stored is None or stored.get("version") != VERSION:
        return None
    try:
        values: dict[str, Any] = {
            field.name: _unpacked(stored[field.name]) for field in fields(OodDetector)
        }
        return OodDetector(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            "what the model remembers of its training radiographs is damaged; export it again"
        ) from error


def _packed(value: float | Array) -> float | dict[str, Any]:
    if isinstance(value, float):
        return value
    small = value.astype("<f2" if value.ndim == 2 else "<f4")
    return {
        "shape": list(small.shape),
        "type": small.dtype.str,
        "base64": base64.b64encode(small.tobytes()).decode("ascii"),
    }


def _unpacked(stored: float | Mapping[str, Any]) -> float | Array:
    if not isinstance(stored, Mapping):
        return float(stored)
    data = np.frombuffer(base64.b64decode(stored["base64"], validate=True), stored["type"])
    return data.reshape(stored["shape"]).astype(np.float32)
