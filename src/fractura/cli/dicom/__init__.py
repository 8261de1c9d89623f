"""``fractura dicom``: what was read of DICOM radiographs, as DICOM objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE", help="DICOM radiographs, folders with them, or patterns (*.dcm)."
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out", "-o", metavar="DIR", file_okay=False, help="Folder for the DICOM objects."
    ),
]
Model = Annotated[
    str, typer.Option(metavar="NAME|PATH", help="A shipped model or an exported ONNX file.")
]
Frame = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Read this frame of files with several, from 1."),
]


@app.callback()
def dicom() -> None:
    """Read DICOM radiographs and write the results as DICOM objects of the same study.

    \b
    fractura dicom results study/ --out results   report, presentation state and picture
    fractura dicom sr wrist.dcm --out results     the structured report alone
    """


def results(
    ctx: typer.Context, paths: Paths, out: Out, model: Model = "fractura-s", frame: Frame = None
) -> None:
    """Write what a model reads of DICOM radiographs as SR, GSPS and Secondary Capture.

    The objects belong to the patient and the study of their image, each kind in a series of its
    own. Their identifiers follow from the image's and the model's name and version, and what is
    in the folder already is not made again.

    \b
    fractura dicom results wrist.dcm --out results
    fractura dicom results study/ --out results

    Exit status: 0 all went well, 1 some files were left out, 2 wrong usage or nothing to read.
    """
    _write(paths, out, ["SR", "GSPS", "SC"], model, frame, ctx)


def sr(
    ctx: typer.Context, paths: Paths, out: Out, model: Model = "fractura-s", frame: Frame = None
) -> None:
    """Write what a model reads of DICOM radiographs as structured reports.

    TID 1500 in a Comprehensive 3D SR: probability, decision, and each finding with its box, score
    and tracking identifiers, complete but unverified.

    \b
    fractura dicom sr wrist.dcm --out results

    Exit status: 0 all went well, 1 some files were left out, 2 wrong usage or nothing to read.
    """
    _write(paths, out, ["SR"], model, frame, ctx)


def gsps(
    ctx: typer.Context, paths: Paths, out: Out, model: Model = "fractura-s", frame: Frame = None
) -> None:
    """Write what a model reads of DICOM radiographs as presentation states.

    Boxes, scores and a summary are graphic layers over the original image, which viewers switch on
    and off (Grayscale Softcopy Presentation State).

    \b
    fractura dicom gsps wrist.dcm --out results

    Exit status: 0 all went well, 1 some files were left out, 2 wrong usage or nothing to read.
    """
    _write(paths, out, ["GSPS"], model, frame, ctx)


def sc(
    ctx: typer.Context, paths: Paths, out: Out, model: Model = "fractura-s", frame: Frame = None
) -> None:
    """Write what a model reads of DICOM radiographs as pictures.

    Secondary Capture in colour, with boxes and probability drawn in, for viewers that show neither
    structured reports nor presentation states.

    \b
    fractura dicom sc wrist.dcm --out results

    Exit status: 0 all went well, 1 some files were left out, 2 wrong usage or nothing to read.
    """
    _write(paths, out, ["SC"], model, frame, ctx)


def _write(
    paths: Sequence[str],
    out: Path,
    kinds: Sequence[str],
    model: str,
    frame: int | None,
    ctx: typer.Context,
) -> None:
    from fractura.cli.dicom.write import write_results

    write_results(paths, out, kinds, model, frame, debug=ctx.obj)


COMMANDS = {"results": results, "sr": sr, "gsps": gsps, "sc": sc}

for name, command in COMMANDS.items():
    app.command(name)(command)
