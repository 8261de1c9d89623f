"""Run the application under uvicorn, in one process or several."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable
from functools import partial

from fastapi import FastAPI
from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from fractura.errors import FracturaError
from fractura.service.process import start
from fractura.service.rest.app import GRACE_SECONDS, make_app
from fractura.service.settings import ServiceSettings

_BACKLOG = 512
_SECONDS_TO_START = 60
"""After which a process that does not answer its parent is replaced."""


class AddressError(FracturaError):
    """The service cannot listen where it should."""


def listen(settings: ServiceSettings) -> socket.socket:
    """A socket at the address of the settings.

    Raises:
        AddressError: there is no such address here, or another process listens there.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        made = socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise AddressError(
            f"cannot listen on {settings.host} port {settings.port} ({error.strerror}); "
            "choose another with --host and --port"
        ) from error
    made.set_inheritable(True)
    # Accepted sockets inherit it. Without, each answer waits 40 ms for the client's delayed ACK.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def serve(
    settings: ServiceSettings, listening: socket.socket, workers: int, ready: Callable[[], None]
) -> None:
    """Answer requests until SIGTERM or SIGINT; then finish what runs, or give it back.

    Args:
        settings: of each process.
        listening: from :func:`listen`.
        workers: processes that share the socket and the store.
        ready: called before the first request.

    Raises:
        StoreError, ModelError, FracturaError: as :func:`fractura.service.process.start`.
    """
    if workers > 1:
        ready()
        make_application = partial(_application_of_worker, settings)
        config = _configuration(make_application, settings, factory=True, workers=workers)
        Multiprocess(config, sockets=[listening]).run()
        return
    application = make_app(start(settings))
    ready()
    server = Server(_configuration(application, settings))

    def end(*_: object) -> None:
        server.should_exit = True

    # uvicorn sends itself the signal again after it has ended well.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    server.run(sockets=[listening])


def log_to_stderr() -> None:
    """One line an event."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for library in ("uvicorn", "alembic"):
        logging.getLogger(library).setLevel(logging.WARNING)


def _application_of_worker(settings: ServiceSettings) -> FastAPI:
    log_to_stderr()
    return make_app(start(settings))


def _configuration(
    application: object, settings: ServiceSettings, *, factory: bool = False, workers: int = 1
) -> Config:
    return Config(
        application,  # type: ignore[arg-type]
        factory=factory,
        workers=workers,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_worker_healthcheck=_SECONDS_TO_START,
        timeout_graceful_shutdown=round(settings.limits.deadline_seconds + GRACE_SECONDS),
    )
