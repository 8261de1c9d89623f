"""``fractura node``: the DICOM node, and its results that could not be delivered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.terminal import show
from fractura.errors import FracturaError, WrongUsageError

if TYPE_CHECKING:
    from fractura.service.settings import ServiceSettings
    from fractura.service.store.open import ServiceStore

app = typer.Typer(rich_markup_mode="rich")
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", dir_okay=False, help="Settings, a TOML file."),
]


@app.callback(invoke_without_command=True)
def node(ctx: typer.Context, config: ConfigFile = None) -> None:
    """Receive radiographs from a PACS by DICOM, read them and send the results back.

    Runs until it gets SIGTERM or Ctrl-C; then it finishes what it is reading. What it accepted
    is on disk and goes on at the next start, also after a crash. The page and the REST service
    run in the same process.

    \b
    fractura node --config node.toml          run it
    fractura node dead --config node.toml     list results that could not be delivered
    fractura node retry --config node.toml    deliver them again
    """
    if ctx.invoked_subcommand is None:
        from fractura.cli.serve import run

        run(_read(ctx, config), 1)


@app.command()
def dead(ctx: typer.Context, config: ConfigFile = None) -> None:
    """List the results that could not be delivered: where to, since when, and why."""
    from fractura.service.store.deliveries import dead_letters
    from fractura.text import printable

    letters = dead_letters(_store(ctx, config))
    for letter in letters:
        typer.echo(
            printable(
                f"{letter.destination}  {letter.kind:<4}  {letter.sop_instance_uid}  "
                f"{letter.attempts} attempts: {letter.error}"
            )
        )
    show(f"{len(letters):,} results could not be delivered.")


@app.command()
def retry(
    ctx: typer.Context,
    destination: Annotated[
        str | None, typer.Argument(metavar="DESTINATION", help="Only this one; by default all.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Deliver the results once more that could not be delivered.

    A running node begins at once; otherwise the next start does.
    """
    from fractura.service.store.deliveries import retry_dead
    from fractura.service.store.open import open_store

    settings = _read(ctx, config)
    assert settings.node
    if destination not in (None, *(item.name for item in settings.node.destinations)):
        raise WrongUsageError(f"the settings have no destination {destination}")
    count = retry_dead(open_store(settings), destination)
    show(f"{count:,} results are delivered again.")


def _store(ctx: typer.Context, config: Path | None) -> ServiceStore:
    from fractura.service.store.open import open_store

    return open_store(_read(ctx, config))


def _read(ctx: typer.Context, config: Path | None) -> ServiceSettings:
    """The settings of the option, which may stand before or after the subcommand."""
    try:
        from fractura.service.settings import read_settings
    except ModuleNotFoundError as error:
        raise FracturaError(
            f'the DICOM node needs {error.name}: pip install "fractura[serve,dicom]"'
        ) from error
    if ctx.parent:
        config = config or ctx.parent.params.get("config")
    if config is None:
        raise WrongUsageError("say which node: --config FILE")
    settings = read_settings(config)
    if settings.node is None:
        raise WrongUsageError(f"{config}: it has no [node]")
    return settings
