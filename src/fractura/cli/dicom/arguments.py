"""Arguments and options that the commands of ``fractura dicom`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
