"""``fractura dicom``: what was read of DICOM radiographs, as DICOM. One module a command."""

from __future__ import annotations

import typer

from fractura.cli.dicom import gsps, results, sc, sr

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
for _module in (results, sr, gsps, sc):
    app.command()(getattr(_module, _module.__name__.rpartition(".")[2]))


@app.callback()
def dicom() -> None:
    """Read DICOM radiographs and write the results as DICOM objects of the same study.

    \b
    fractura dicom results study/ --out results   report, presentation state and picture
    fractura dicom sr wrist.dcm --out results     the structured report alone
    """
