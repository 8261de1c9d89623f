"""``fractura dicom results``: each reading as report, presentation state and picture."""

from __future__ import annotations

import typer

from fractura.cli.dicom.arguments import Frame, Model, Out, Paths


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
    from fractura.cli.dicom.write import write_results

    write_results(paths, out, ["SR", "GSPS", "SC"], model, frame, debug=ctx.obj)
