"""The file that a run is read, measured and handed on with: made once for its weights."""

from __future__ import annotations

from pathlib import Path

from fractura.errors import ModelError
from fractura.reading.model import Model
from fractura.training.export.examples import Validation
from fractura.training.export.write import COMPARED, write_onnx
from fractura.training.finish import describe_run
from fractura.training.run_folder import Run, load_network, weights_digest

MODEL = "model.onnx"
"""Name of the file in a run folder."""


def model_file(run: Run, manifest: Path | None = None) -> Path:
    """The run as one ONNX file in its folder; written anew where the weights are others.

    Args:
        run: with weights.
        manifest: that it was trained with, if it lies elsewhere by now.

    Raises:
        ParityError: the file does not say what the network says.
        FracturaError: the run has no weights yet, or its validation radiographs are gone.
    """
    path = run.folder / MODEL
    if path.is_file() and _made_of(path) == weights_digest(run):
        return path
    description = describe_run(run, manifest, calibrated=False)
    network = load_network(run)
    write_onnx(network, description, path, Validation(run, manifest, COMPARED))
    return path


def _made_of(path: Path) -> str | None:
    try:
        return str(Model(path, 1).description.provenance.get("weights"))
    except ModelError:
        return None
