"""Train the network that ships, and export it: ``python -m fractura.training --help``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)

Manifest = Annotated[Path, typer.Option(help="What fractura data split wrote.")]


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    manifest: Manifest,
    backbone: Annotated[Path, typer.Option(exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Option()],
    workers: Annotated[int, typer.Option(min=0)] = 1,
    resume: bool = False,
) -> None:
    """Train the network by RECIPE; go on from the last checkpoint with --resume."""
    from fractura.training.recipe import read_recipe
    from fractura.training.run import train as run

    run(read_recipe(recipe), manifest, backbone, out, workers=workers, resume=resume)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    manifest: Manifest,
    out: Annotated[Path, typer.Option()],
    version: Annotated[str, typer.Option()] = "1",
) -> None:
    """Calibrate RUN on the validation split and write it as a self-sufficient ONNX file."""
    from fractura.training.finish import finish

    finish(run, manifest, out, version)


if __name__ == "__main__":
    app()
