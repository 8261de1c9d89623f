"""A model file: an ONNX network that carries everything needed to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from fractura.errors import ModelError
from fractura.imaging.fit import FitParameters
from fractura.reading.calibration import Calibration, OperatingPoint, OperatingPoints

METADATA_KEY = "fractura"
EMBEDDING = "embedding"
SCHEMA = 1
DEFAULT_MODEL = "fractura-s"
_READING = ["scores", "boxes", "image", "regions", "evidence"]


@dataclass(frozen=True)
class ModelDescription:
    """What travels in the ONNX file's metadata.

    Attributes:
        name, version: of the model.
        fit: how radiographs become inputs.
        regions: names of the region outputs, in order.
        calibration, operating_points: see :mod:`fractura.reading.calibration`.
        provenance: recipe, data, licence, seed, versions and dates, for people and audits.
    """

    name: str
    version: str
    fit: FitParameters
    regions: tuple[str, ...]
    calibration: Calibration
    operating_points: OperatingPoints
    provenance: Mapping[str, Any]

    def to_json(self) -> str:
        return json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelDescription:
        """The inverse of :meth:`to_json`; raises ``KeyError``, ``TypeError`` or ``ValueError``."""
        data = json.loads(text)
        if data.pop("schema") != SCHEMA:
            raise ValueError("the metadata's schema is of another version")
        fit = data.pop("fit")
        points = data.pop("operating_points")
        return cls(
            fit=FitParameters(**{**fit, "percentiles": tuple(fit["percentiles"])}),
            regions=tuple(data.pop("regions")),
            calibration=Calibration(**data.pop("calibration")),
            operating_points=OperatingPoints(
                **{name: OperatingPoint(**point) for name, point in points.items()}
            ),
            **data,
        )


@dataclass(frozen=True, eq=False)
class RawOutput:
    """One radiograph's network output; see ``fractura.models.network.NetworkOutput``."""

    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    image: float
    regions: NDArray[np.float32]
    evidence: NDArray[np.float32]


class Model:
    """An ONNX Runtime session and the description of its model."""

    def __init__(self, model: str | Path, threads: int | None = None) -> None:
        """Open a shipped model by name, or a file by path.

        Args:
            model: a name from :func:`shipped_models` or the path of an ONNX file.
            threads: processor threads for one reading; the runtime's own choice if left out.

        Raises:
            ModelError: there is no such model, or the file was not exported by fractura.
        """
        path = model_path(model)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            metadata = self._session.get_modelmeta().custom_metadata_map
            self.description = ModelDescription.from_json(metadata[METADATA_KEY])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{path} was not exported by fractura, or by another version of it; "
                "export it again or choose a shipped model (fractura models)"
            ) from error
        except Exception as error:
            raise ModelError(
                f"{path} could not be opened as an ONNX model; restore or re-export it"
            ) from error

    def run(self, inputs: NDArray[np.float32]) -> RawOutput:
        """Run the network on one fitted radiograph ``[1, 1, H, W]``."""
        scores, boxes, image, regions, evidence = self._session.run(_READING, {"images": inputs})
        return RawOutput(scores[0], boxes[0], float(image[0]), regions[0], evidence[0])

    def embed(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """What one fitted radiograph ``[1, 1, H, W]`` looks like, as a vector ``[D]``.

        Raises:
            ModelError: the model was exported before it had this output.
        """
        if EMBEDDING not in {output.name for output in self._session.get_outputs()}:
            raise ModelError(
                f"the model {self.description.name} has no embedding; export it again or choose "
                "a shipped model (fractura models)"
            )
        (embedding,) = self._session.run([EMBEDDING], {"images": inputs})
        return np.asarray(embedding[0], dtype=np.float32)


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
