"""``fractura export``: from a training run to a file that needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fractura.cli.terminal import show
from fractura.errors import WrongUsageError
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.training.export import Exported

_ROW = "{:<22}  {:>12}  {:>12}"


def export(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", file_okay=False, help="A folder that fractura train wrote."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", dir_okay=False, help="The file to write; OpenVINO's ends in .xml."
        ),
    ],
    format: Annotated[
        Literal["onnx", "fp16", "int8", "openvino"],
        typer.Option(
            help="fp16 is ONNX with 16-bit weights, int8 with 8-bit weights and activations."
        ),
    ] = "onnx",
    version: Annotated[
        str, typer.Option(metavar="TEXT", help="Version of the model, shown in its readings.")
    ] = "1",
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", dir_okay=False, help="The run's manifest, if it was moved since."
        ),
    ] = None,
    radiographs: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="N", help="Measure on so many of the validation split, not on all."
        ),
    ] = None,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss",
            help="Write an fp16 or int8 file although it loses accuracy; the file says how much.",
        ),
    ] = False,
) -> None:
    """Write a trained model as one file, with preprocessing and calibration inside.

    The file is run on the validation radiographs first. One that does not answer like the
    trained network, or an fp16 or int8 file that loses accuracy, is not written, unless
    --accept-loss says that the loss is accepted.

    \b
    fractura export runs/binary-fracture --out wrist.onnx
    fractura export runs/binary-fracture --out wrist.xml --format openvino
    fractura export runs/fractura-s --out half-the-size.onnx --format fp16
    fractura export runs/binary-fracture --out wrist-int8.onnx --format int8
    fractura detect --model wrist.onnx wrist.png
    """
    try:
        from fractura.training.export import LOSSY, WRITERS
    except ImportError as error:
        raise WrongUsageError('exporting needs PyTorch: pip install "fractura[train]"') from error
    from fractura.training.export.examples import Validation
    from fractura.training.export.measure import one_thread
    from fractura.training.finish import UNCALIBRATED, describe_run
    from fractura.training.run_folder import load_network, read_run

    if accept_loss and format not in LOSSY:
        raise WrongUsageError(f"--accept-loss is for {' and '.join(LOSSY)}; leave it out")
    one_thread()
    trained = read_run(run)
    examples = Validation(trained, manifest, radiographs)
    network = load_network(trained)
    description = describe_run(trained, manifest, version)
    accepted = {"accept_loss": True} if accept_loss else {}
    written = WRITERS[format](network, description, out, examples, **accepted)
    _show(written, "torch" if format == "onnx" else "onnx")
    for warning in filter(None, (description.provenance.get(UNCALIBRATED), written.loss)):
        show(f"\nWarning: {printable(warning)}.", "yellow")


def _show(exported: Exported, beside: str) -> None:
    measured, parity = exported.measured, exported.parity
    show(f"Written to {exported.path}, {exported.megabytes:.1f} MB.\n")
    show(_ROW.format(f"{measured.radiographs} radiographs", "this file", beside))
    for name, value in measured.figures.items():
        show(_ROW.format(name, f"{value:.3f}", f"{measured.figures_before[name]:.3f}"))
    times = (measured.milliseconds, measured.milliseconds_before)
    show(_ROW.format("ms, one thread", *(f"{time:.1f}" for time in times)))
    apart = f"boxes by {parity.shift:.2g} pixels, " if parity.shift else ""
    show(
        f"\nLargest difference between float32 and torch on {parity.radiographs} radiographs: "
        f"{apart}scores by {parity.difference:.2g}."
    )
