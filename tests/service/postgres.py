"""A PostgreSQL server from the distribution's binaries, for tests."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

_USER = "postgres"


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server with an empty cluster; yield its SQLAlchemy address, without a database.

    Skips the test where the binaries, or as root the user they need, are not there.
    """
    binaries = _binaries()
    with tempfile.TemporaryDirectory(prefix="fractura-postgres-") as folder:
        identity = _identity()
        if identity:
            shutil.chown(folder, *identity.values())
        _run(
            [binaries / "initdb", "-D", f"{folder}/data", "-U", _USER, "-A", "trust", "-N"],
            identity,
        )
        port = _free_port()
        # Its own log in its folder; sockets too, whose paths must be short.
        options = ["-k", folder, "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
        # Tests end processes, not machines.
        options += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", f"{folder}/data", *options],
                stdout=log,
                stderr=log,
                cwd="/",
                **identity,
            )
        try:
            _wait(port, server, Path(folder) / "log")
            yield f"postgresql://{_USER}@127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait()


def fresh_database(address: str) -> str:
    """The address of an empty schema, which takes less time to make than a database."""
    name = f"t{uuid4().hex}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{address}/postgres?options=-csearch_path%3D{name}"


def _binaries() -> Path:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not installed:
        pytest.skip("PostgreSQL's server is not installed")
    return installed[-1].parent


def _identity() -> dict[str, int]:
    """As whom it runs: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam(_USER)
    except KeyError:
        pytest.skip("PostgreSQL refuses root and there is no user postgres")
    return {"user": user.pw_uid, "group": user.pw_gid}


def _run(command: list[object], identity: dict[str, int]) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, cwd="/", **identity)
    assert done.returncode == 0, done.stderr.decode()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait(port: int, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"postgresql://{_USER}@127.0.0.1:{port}/postgres").close()
            return
        except psycopg.OperationalError:
            running = server.poll() is None and time.monotonic() < deadline
            assert running, log.read_text(errors="replace")
            time.sleep(0.05)
