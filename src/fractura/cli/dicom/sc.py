"""``fractura dicom sc``: each reading as a picture."""

from __future__ import annotations

import typer

from fractura.cli.dicom.arguments import Frame, Model, Out, Paths


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
    from fractura.cli.dicom.write import write_results

    write_results(paths, out, ["SC"], model, frame, debug=ctx.obj)
