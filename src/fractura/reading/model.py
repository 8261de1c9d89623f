"""A model file: a network that carries everything needed to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.errors import ModelError
from fractura.imaging.preprocess import PreprocessConfig
from fractura.ood.scope import Scope
from fractura.reading.calibration import (
    Calibration,
    ConformalGuarantee,
    OperatingPoint,
    OperatingPoints,
)
from fractura.reading.decode import DecodedBoxes, score_logits
from fractura.reading.runtime import open_runtime

EMBEDDING = "embedding"
SCHEMA = 2
DEFAULT_MODEL = "fractura-s"
TASKS = ("multi-task", "detection", "binary-fracture", "abnormality", "region", "fracture-type")
_READING = ("scores", "boxes", "image", "regions", "growth_plates", "evidence")


@dataclass(frozen=True)
class ModelDescription:
    """What travels in the model file's metadata.

    Attributes:
        name, version: of the model.
        preprocess: how radiographs become inputs.
        regions: names of the region outputs of a multi-task model, in order.
        calibration, operating_points: see :mod:`fractura.reading.calibration`.
        provenance: recipe, data, licence, seed, versions and dates, for people and audits.
        task: one of :data:`TASKS`.
        classes: names of a classification model's outputs, in order.
        guarantee: what the operating points promise of new patients; ``None`` if nothing.
        ood: what the model remembers of its training radiographs, for
            :func:`fractura.ood.detector.ood_detector_from`; ``None`` if nothing.
        scope: what the model is meant for; ``None`` where nobody has said.
    """

    name: str
    version: str
    preprocess: PreprocessConfig
    regions: tuple[str, ...]
    calibration: Calibration
    operating_points: OperatingPoints
    provenance: Mapping[str, Any]
    task: str = "multi-task"
    classes: tuple[str, ...] = ()
    guarantee: ConformalGuarantee | None = None
    ood: Mapping[str, Any] | None = None
    scope: Scope | None = None

    @property
    def classifies(self) -> bool:
        """Whether the model gives one logit a class."""
        return self.task not in ("multi-task", "detection")

    def to_json(self) -> str:
        """The text that stands in a model file's metadata."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelDescription:
        """The inverse of :meth:`to_json`; raises ``KeyError``, ``TypeError`` or ``ValueError``."""
        data = json.loads(text)
        if data.pop("schema") != SCHEMA or data.get("task", "multi-task") not in TASKS:
            raise ValueError("the metadata's schema is of another version")
        config = data.pop("preprocess")
        points = data.pop("operating_points")
        guarantee = data.pop("guarantee", None)
        scope = data.pop("scope", None)
        return cls(
            preprocess=PreprocessConfig(**{**config, "percentiles": tuple(config["percentiles"])}),
            regions=tuple(data.pop("regions")),
            classes=tuple(data.pop("classes", ())),
            calibration=Calibration(**data.pop("calibration")),
            operating_points=OperatingPoints(
                **{name: OperatingPoint(**point) for name, point in points.items()}
            ),
            guarantee=None if guarantee is None else ConformalGuarantee(**guarantee),
            scope=None if scope is None else Scope.from_dict(scope),
            **data,
        )


@dataclass(frozen=True, eq=False)
class ImageOutput:
    """One radiograph's network output; see ``fractura.models.network.NetworkOutput``.

    ``growth_plates`` and ``embedding`` are ``None`` for a model that was exported before it had
    these outputs.
    """

    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    image: float
    regions: NDArray[np.float32]
    growth_plates: float | None
    evidence: NDArray[np.float32]
    embedding: NDArray[np.float32] | None


class Model:
    """An opened network and the description of its model. Threads may share it."""

    def __init__(self, model: str | Path, threads: int | None = None) -> None:
        """Open a shipped model by name, or a file by path.

        Args:
            model: a name from :func:`shipped_models`, or the path of an ONNX file or of the
                ``.xml`` of an OpenVINO model.
            threads: processor threads for one reading; the runtime's own choice if left out.

        Raises:
            ModelError: there is no such model, or the file was not exported by fractura.
        """
        path = model_path(model)
        self._runtime = open_runtime(path, threads)
        try:
            self.description = ModelDescription.from_json(self._runtime.description or "")
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{path} was not exported by fractura, or by another version of it; "
                "export it again or choose a shipped model (fractura models)"
            ) from error

    def run(self, inputs: NDArray[np.float32]) -> ImageOutput:
        """Run a multi-task network on one fitted radiograph ``[1, 1, H, W]``."""
        asked = [name for name in _READING if name in self._runtime.outputs]
        outputs, embedding = self._run(asked, inputs)
        found = {name: output[0] for name, output in zip(asked, outputs, strict=True)}
        growth_plates = found.get("growth_plates")
        return ImageOutput(
            found["scores"],
            found["boxes"],
            float(found["image"]),
            found["regions"],
            None if growth_plates is None else float(growth_plates),
            found["evidence"],
            embedding,
        )

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """A classification model's logits ``[C]`` of one fitted radiograph ``[1, 1, H, W]``."""
        return self.logits_and_embedding(inputs)[0]

    def logits_and_embedding(
        self, inputs: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """:meth:`logits` ``[C]`` and, where the model gives one, the embedding ``[D]``."""
        (logits,), embedding = self._run(["logits"], inputs)
        return np.asarray(logits[0], dtype=np.float32), embedding

    def boxes(self, inputs: NDArray[np.float32]) -> DecodedBoxes:
        """A detection model's boxes on one fitted radiograph ``[1, 1, H, W]``."""
        boxes, scores = self._runtime.run(["boxes", "scores"], inputs)
        return DecodedBoxes(boxes, score_logits(scores))

    def embed(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """What one fitted radiograph ``[1, 1, H, W]`` looks like, as a vector ``[D]``.

        Raises:
            ModelError: the model was exported before it had this output, or has none.
        """
        if EMBEDDING not in self._runtime.outputs:
            raise ModelError(
                f"the model {self.description.name} has no embedding; export it again or choose "
                "a shipped model (fractura models)"
            )
        (embedding,) = self._runtime.run([EMBEDDING], inputs)
        return np.asarray(embedding[0], dtype=np.float32)

    def _run(
        self, names: list[str], inputs: NDArray[np.float32]
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.float32] | None]:
        """These outputs, and of the same run the embedding ``[D]`` if there is one."""
        if EMBEDDING not in self._runtime.outputs:
            return self._runtime.run(names, inputs), None
        *outputs, embedding = self._runtime.run([*names, EMBEDDING], inputs)
        return outputs, np.asarray(embedding[0], dtype=np.float32)

    def outputs(self, inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Everything that the network gives for fitted radiographs ``[B, 1, H, W]``, by name."""
        names = self._runtime.outputs
        return dict(zip(names, self._runtime.run(names, inputs), strict=True))


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    folder = files("fractura") / "weights"
    return sorted(
        Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".onnx")
    )


def model_path(model: str | Path) -> Path:
    """The file of a shipped model's name, or the path itself if it is a file."""
    shipped = Path(str(files("fractura") / "weights" / f"{model}.onnx"))
    if shipped.is_file():
        return shipped
    if Path(model).is_file():
        return Path(model)
    raise ModelError(
        f"{model} is neither a shipped model nor a file; shipped: {', '.join(shipped_models())}"
    )
