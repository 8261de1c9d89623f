"""The command ``fractura``: parses, calls and prints. One module a command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fractura.cli import (
    calibrate,
    compare,
    data,
    demo,
    detect,
    dicom,
    enhance,
    evaluate,
    export,
    models,
    node,
    phantom,
    predict,
    recipes,
    report,
    serve,
    token,
    train,
)
from fractura.cli.errors import exit_status, sentence


class _Commands(TyperGroup):
    """Turns what goes wrong into one sentence on stderr and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)
            raise typer.Exit(130) from None
        except (typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if hasattr(error, "exit_code") or ctx.params["debug"]:
                raise
            typer.echo(f"fractura: {sentence(error)}", err=True)
            raise typer.Exit(exit_status(error)) from None


app = typer.Typer(
    cls=_Commands,
    name="fractura",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, Callable[..., None]] = {
    "detect": detect.detect,
    "demo": demo.demo,
    "enhance": enhance.enhance,
    "phantom": phantom.phantom,
    "models": models.models,
    "recipes": recipes.recipes,
    "train": train.train,
    "evaluate": evaluate.evaluate,
    "report": report.report,
    "compare": compare.compare,
    "calibrate": calibrate.calibrate,
    "export": export.export,
    "predict": predict.predict,
    "serve": serve.serve,
    "token": token.token,
}
"""In the order in which ``--help`` lists them; groups follow."""

for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(data.app, name="data")
app.add_typer(dicom.app, name="dicom")
app.add_typer(node.app, name="node")


def _show_version(wanted: bool) -> None:
    if wanted:
        from fractura.version import __version__

        typer.echo(f"fractura {__version__}")
        raise typer.Exit


@app.callback()
def fractura(
    ctx: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the program an error arose.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Find bone fractures in radiographs, offline, on an ordinary computer.

    For research and education; not a certified medical device.

    \b
    fractura demo                  try it on made-up radiographs
    fractura detect wrist.png      read a radiograph
    fractura detect --help         what else it can do
    fractura serve                 a page and a REST service
    fractura data --help           assemble and check data sets
    """
    ctx.obj = debug


def main() -> None:
    """The entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="fractura")
