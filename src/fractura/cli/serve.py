"""``fractura serve``: the page and the REST service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fractura.cli.terminal import NOTICE, show
from fractura.errors import WrongUsageError

if TYPE_CHECKING:
    from fractura.service.settings import ServiceSettings


def serve(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where to listen; by default 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="N", help="By default 8080; 0 takes one that is free."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Settings in TOML; options win."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="The database and the images; by default fractura-data.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes that share the work.")
    ] = 1,
) -> None:
    """Open a page where radiographs are dropped and read, and a REST service.

    \b
    fractura serve
    fractura serve --port 9000 --data /srv/fractura
    fractura serve --config fractura.toml --workers 2
    """
    settings = _settings(config, {"host": host, "port": port, "data": data})
    if workers > 1 and settings.node:
        raise WrongUsageError(
            "only one process can be the DICOM node: leave out --workers, or leave [node] out of "
            "these settings and run fractura node beside it on the same data"
        )
    run(settings, workers)


def run(settings: ServiceSettings, workers: int) -> None:
    """Serve until a signal ends it, and say so."""
    from fractura.errors import FracturaError

    try:
        from fractura.service.rest.server import listen, log_to_stderr
        from fractura.service.rest.server import serve as serve_requests
    except ModuleNotFoundError as error:
        raise FracturaError(
            f'the service needs {error.name}: pip install "fractura[serve]"'
        ) from error
    log_to_stderr()
    with listen(settings) as listening:
        host, port = listening.getsockname()[:2]
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

        def ready() -> None:
            show(f"fractura listens on {address}  (stop with Ctrl-C)")
            show(NOTICE)

        serve_requests(settings, listening, workers, ready)
    show("Stopped.")


def _settings(config: Path | None, options: dict[str, Any]) -> ServiceSettings:
    """The settings of a file, or the defaults, with what the options say instead.

    Raises:
        SettingsError: they cannot be.
    """
    from fractura.errors import FracturaError

    try:
        from fractura.service.settings import ServiceSettings, checked, read_settings
    except ModuleNotFoundError as error:
        raise FracturaError(
            f'the service needs {error.name}: pip install "fractura[serve]"'
        ) from error
    given = {name: value for name, value in options.items() if value is not None}
    read = read_settings(config) if config else ServiceSettings()
    return checked({**read.model_dump(exclude_unset=True), **given}, "the options")
