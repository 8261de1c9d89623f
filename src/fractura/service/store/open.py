"""Open the database and the image store."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from fractura.service.settings import Keeping, Limits, ServiceSettings
from fractura.service.store.errors import DiskFullError, StoreError
from fractura.service.store.images import Images, open_images

BUSY_SECONDS = 30
"""How long a connection waits for another's transaction on SQLite."""
_MIGRATION_LOCK = 0x66726163
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}


@dataclass(frozen=True)
class ServiceStore:
    """All state of the service; threads share it.

    Attributes:
        turn: what a thread holds while it writes. SQLite lets one write at a time and lets those
            who wait try again and again, so that some wait for seconds; a lock is fairer.
    """

    engine: Engine
    images: Images
    limits: Limits
    keeping: Keeping
    turn: AbstractContextManager[object] = field(default_factory=nullcontext)


def open_store(settings: ServiceSettings) -> ServiceStore:
    """Open the store, make what is not there, and bring its tables up to date.

    Several processes may do so at once.

    Raises:
        StoreError: the database or the image store cannot be opened, or a newer version of this
            package made it.
    """
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{settings.data}: cannot be made ({error.strerror})") from error
    images = open_images(settings.images, settings.data / "images")
    engine = _engine(settings.database or settings.data / "fractura.sqlite")
    turn = Lock() if engine.dialect.name == "sqlite" else nullcontext()
    store = ServiceStore(engine, images, settings.limits, settings.keeping, turn)
    with writing(store) as connection:
        _migrate(connection)
    return store


def close_store(store: ServiceStore) -> None:
    """Close its connections."""
    store.engine.dispose()


@contextmanager
def writing(store: ServiceStore) -> Iterator[Connection]:
    """A transaction that writes: committed at the end of the block, or undone with its error.

    On SQLite it holds the database's one write lock from its start.

    Raises:
        DiskFullError: there is no space for it.
        StoreError: the database does not answer.
    """
    engine = store.engine.execution_options(writing=True)
    with store.turn, _answering(), engine.begin() as connection:
        yield connection


@contextmanager
def looking(store: ServiceStore) -> Iterator[Connection]:
    """A transaction that only reads.

    Raises:
        StoreError: the database does not answer.
    """
    with _answering(), store.engine.connect() as connection:
        yield connection


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what to do on a conflict."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return make(table)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or (
            getattr(error.orig, "sqlstate", None) == "53100"
        ):
            raise DiskFullError("the disk of the database is full") from error
        # Further lines may hold values.
        reason = str(error.orig).partition("\n")[0]
        raise StoreError(f"the database does not answer ({reason})") from error
    except SQLAlchemyError as error:
        raise StoreError(f"the database does not answer ({type(error).__name__})") from error


def _engine(address: str | Path) -> Engine:
    """The engine of an address, or of a SQLite file."""
    try:
        if isinstance(address, Path):
            url = URL.create("sqlite", database=str(address))
        else:
            url = make_url(address)
        driver = _DRIVERS.get(url.get_backend_name())
        if driver is None:
            raise StoreError(f"{url.get_backend_name()}: give a SQLite or PostgreSQL database")
        url = url.set(drivername=driver)
        return _sqlite_engine(url) if driver.startswith("sqlite") else _postgresql_engine(url)
    except (ArgumentError, ImportError) as error:
        raise StoreError(f"the database cannot be opened ({error})") from error


def _postgresql_engine(url: URL) -> Engine:
    # Parameters stay out of messages: they hold names.
    engine = create_engine(
        url,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=16,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        """Free what a machine held that lost its power or network."""
        connection.execute("SET idle_in_transaction_session_timeout = '60s'")
        connection.commit()

    return engine


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=8,
        max_overflow=56,
        connect_args={"timeout": BUSY_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """SQLite does not wait for others by itself when it changes the journal's mode."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
    config = Config()
    folder = Path(__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"the database was made by another version of fractura ({error}); update fractura"
        ) from error
