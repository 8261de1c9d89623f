"""``fractura dicom sr``: each reading as a structured report."""

from __future__ import annotations

import typer

from fractura.cli.dicom.arguments import Frame, Model, Out, Paths


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
    from fractura.cli.dicom.write import write_results

    write_results(paths, out, ["SR"], model, frame, debug=ctx.obj)
