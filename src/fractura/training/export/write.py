"""Write a network as ONNX, OpenVINO, fp16 or int8: whole and checked, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any

from torch import nn

from fractura.atomic_write import whole_file
from fractura.errors import AccuracyLossError, FracturaError
from fractura.reading.model import Model, ModelDescription
from fractura.reading.runtime import METADATA_KEY, import_openvino
from fractura.training.export.convert import (
    describe,
    export_classifier,
    export_detector,
    export_onnx,
)
from fractura.training.export.half import store_in_half
from fractura.training.export.measure import Example, Measured, measure
from fractura.training.export.parity import Parity, check_parity, torch_outputs
from fractura.training.export.quantise import quantise

COMPARED = 16
"""Radiographs on which a file is compared with torch."""
CALIBRATED = 128
"""Radiographs that set the ranges of int8."""
LARGEST_LOSS = {"AUROC": 0.01, "accuracy": 0.01, "AP50": 0.03}
"""What an fp16 or int8 file may lose of each figure against float32."""
ACCEPTED_LOSS = "accepted_loss"
"""Where the provenance of a file that lost more says how much."""


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: the file; an OpenVINO model's weights lie beside it, ending in ``.bin``.
        megabytes: of all its files.
        parity: with torch; of an fp16 or int8 file, that of the float32 file it was made from.
        measured: beside torch for ONNX, beside float32 ONNX for the others; one thread.
        loss: a sentence on accuracy that was lost and accepted; ``None`` if none was.
    """

    path: Path
    megabytes: float
    parity: Parity
    measured: Measured
    loss: str | None = None


def write_onnx(
    network: nn.Module, description: ModelDescription, out: Path, examples: Iterable[Example]
) -> Exported:
    """Write an ONNX file.

    Args:
        network: a classifier, a detector or the multi-task network.
        description: stored inside; says which of them it is.
        out: the file.
        examples: fitted radiographs on which it is compared and measured; gone through twice.

    Raises:
        ParityError: the file does not answer like the network.
        SaveError: it cannot be written.
    """
    with _draft(network, description, examples) as (draft, parity):
        before = partial(torch_outputs, network.eval(), description=description)
        measured = measure(Model(draft, 1).outputs, before, description, examples)
        _place(draft, out)
    return Exported(out, _megabytes(out), parity, measured)


def write_openvino(
    network: nn.Module, description: ModelDescription, out: Path, examples: Iterable[Example]
) -> Exported:
    """Write an OpenVINO model: ``out`` ending in ``.xml``, its weights beside it in ``.bin``.

    Arguments and errors as in :func:`write_onnx`.

    Raises:
        ModelError: OpenVINO is not installed.
        FracturaError: ``out`` does not end in ``.xml``.
    """
    openvino = import_openvino(out)
    if out.suffix != ".xml":
        raise FracturaError(f"{out}: an OpenVINO model is an .xml file; name it so")
    with _draft(network, description, examples) as (draft, _):
        graph = openvino.convert_model(str(draft))
        graph.set_rt_info(description.to_json(), [METADATA_KEY])
        graph.set_rt_info(sha256(draft.read_bytes()).hexdigest(), ["source_sha256"])
        made = draft.with_suffix(".xml")
        openvino.save_model(graph, str(made), compress_to_fp16=False)
        model = Model(made, 1)
        parity = check_parity(network, model, _images(examples, COMPARED))
        measured = measure(model.outputs, Model(draft, 1).outputs, description, examples)
        weights = out.with_suffix(".bin")
        out.unlink(missing_ok=True)
        _place(made.with_suffix(".bin"), weights)
        _place(made, out)
    return Exported(out, _megabytes(out, weights), parity, measured)


def write_int8(
    network: nn.Module,
    description: ModelDescription,
    out: Path,
    examples: Iterable[Example],
    *,
    accept_loss: bool = False,
) -> Exported:
    """Write an ONNX file with 8-bit weights and activations.

    Arguments and errors as in :func:`write_onnx`; the examples also set the activations' ranges.

    Args:
        accept_loss: write the file whatever it loses; its provenance says so
            (:data:`ACCEPTED_LOSS`).

    Raises:
        AccuracyLossError: a figure falls by more than :data:`LARGEST_LOSS`.
        FracturaError: the examples do not tell.
    """

    def shrink(draft: Path, small: Path) -> None:
        quantise(draft, small, _images(examples, CALIBRATED))
        describe(small, description)

    return _write_smaller(network, description, out, examples, shrink, accept_loss)


def write_fp16(
    network: nn.Module,
    description: ModelDescription,
    out: Path,
    examples: Iterable[Example],
    *,
    accept_loss: bool = False,
) -> Exported:
    """Write an ONNX file whose weights are stored in 16 bits.

    Arguments and errors as in :func:`write_int8`.
    """
    return _write_smaller(network, description, out, examples, store_in_half, accept_loss)


def _write_smaller(
    network: nn.Module,
    description: ModelDescription,
    out: Path,
    examples: Iterable[Example],
    shrink: Callable[[Path, Path], None],
    accept_loss: bool,
) -> Exported:
    with _draft(network, description, examples) as (draft, parity):
        small = draft.with_name("small.onnx")
        shrink(draft, small)
        after, before = Model(small, 1), Model(draft, 1)
        measured = measure(after.outputs, before.outputs, description, examples)
        loss = _loss(measured, description, out)
        if loss and not accept_loss:
            raise AccuracyLossError(
                f"{loss}; nothing was written to {out}, export as onnx or openvino"
            )
        if loss:
            told = {**description.provenance, ACCEPTED_LOSS: loss}
            describe(small, replace(description, provenance=told))
        _place(small, out)
    return Exported(out, _megabytes(out), parity, measured, loss)


@contextmanager
def _draft(
    network: nn.Module, description: ModelDescription, examples: Iterable[Example]
) -> Iterator[tuple[Path, Parity]]:
    """A float32 ONNX file that answers like the network, for as long as the block lasts."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "float32.onnx"
        if description.task == "multi-task":
            export_onnx(network, description.preprocess, path)
        elif description.task == "detection":
            export_detector(network, description.preprocess, path)
        else:
            export_classifier(network, description.preprocess, path)
        describe(path, description)
        yield path, check_parity(network, Model(path, 1), _images(examples, COMPARED))


def _images(examples: Iterable[Example], number: int) -> Iterator[Any]:
    return (example.images for example in islice(examples, number))


def _loss(measured: Measured, description: ModelDescription, out: Path) -> str | None:
    """What is lost beyond :data:`LARGEST_LOSS`, in a sentence without its full stop."""
    if not measured.figures_before:
        raise FracturaError(
            f"whether {out} is as accurate as float32 cannot be judged: the radiographs are all of "
            "one class; give others, or export as onnx"
        )
    lost = [
        f"{name} of {description.name} from {before:.3f} to {measured.figures[name]:.3f} "
        f"(a loss of {before - measured.figures[name]:.3f}, where {LARGEST_LOSS[name]} is allowed)"
        for name, before in measured.figures_before.items()
        if not measured.figures[name] >= before - LARGEST_LOSS[name]
    ]
    if not lost:
        return None
    return f"this format takes {' and '.join(lost)} on {measured.radiographs} radiographs"


def _place(made: Path, out: Path) -> None:
    with made.open("rb") as source, whole_file(out) as target:
        copyfileobj(source, target)


def _megabytes(*paths: Path) -> float:
    return sum(path.stat().st_size for path in paths) / 1e6
