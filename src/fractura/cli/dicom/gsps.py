"""``fractura dicom gsps``: each reading as a presentation state."""

from __future__ import annotations

import typer

from fractura.cli.dicom.arguments import Frame, Model, Out, Paths


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
    from fractura.cli.dicom.write import write_results

    write_results(paths, out, ["GSPS"], model, frame, debug=ctx.obj)
