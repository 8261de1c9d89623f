"""The commands: start, stop, several processes, tokens."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from fractura.cli.serve import serve
from fractura.cli.terminal import NOTICE
from fractura.cli.token import token
from fractura.errors import WrongUsageError
from fractura.service.rest.server import AddressError, listen
from fractura.service.settings import SettingsError, checked

CODE = "import typer; from fractura.cli.serve import serve; typer.run(serve)"


@contextmanager
def running(
    folder: Path, environment: dict, *options: str
) -> Iterator[tuple[subprocess.Popen, str]]:
    """A service in a process of its own, and its address."""
    command = [sys.executable, "-c", CODE, "--port", "0", "--data", str(folder), *options]
    with subprocess.Popen(
        command,
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=(folder.parent / "log").open("w"),
        text=True,
    ) as process:
        try:
            first, second = process.stdout.readline(), process.stdout.readline()
            assert second == f"{NOTICE}\n"
            yield process, re.search(r"http://\S+", first)[0]
        finally:
            process.kill()


def wait_until_ready(address: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(address)


def test_a_signal_ends_it_well(tmp_path, command_environment, png) -> None:
    with running(tmp_path / "data", command_environment) as (process, address):
        wait_until_ready(address)
        files = {"file": ("Doe^Jane.png", png)}
        answer = httpx.post(f"{address}/v1/readings?frame=1", files=files)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert rest == "Stopped.\n"
    log = (tmp_path / "log").read_text()
    assert "Doe" not in log
    assert len(re.findall("POST", log)) == 1
    assert answer.status_code in (200, 422)


def test_processes_share_the_work_and_all_end(tmp_path, command_environment, phantom_pngs) -> None:
    data = tmp_path / "data"
    with running(data, command_environment, "--workers", "2") as (process, address):
        wait_until_ready(address)
        ids = set()
        for _ in range(5):
            for path in phantom_pngs[:2]:
                files = {"file": ("a.png", path.read_bytes())}
                ids.add(httpx.post(f"{address}/v1/readings", files=files, timeout=30).json()["id"])
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert rest == "Stopped.\n"
    assert len(ids) == 2
    log = (tmp_path / "log").read_text()
    assert log.count("started with") == log.count("fractura.service.process stopped") == 2


def test_an_address_in_use_is_a_sentence() -> None:
    with listen(checked({"port": 0}, "test")) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=f"port {port} .*choose another with"):
            listen(checked({"port": port}, "test"))


def test_answers_do_not_wait_for_delayed_acknowledgements() -> None:
    with listen(checked({"port": 0}, "test")) as listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_options_win_over_the_file_and_are_checked(tmp_path) -> None:
    config = tmp_path / "fractura.toml"
    config.write_text("port = 1\n[node]\ntitle = 'X'\n")
    with pytest.raises(SettingsError, match="without tokens"):
        serve(host="0.0.0.0", port=None, config=config, data=None, workers=1)
    with pytest.raises(WrongUsageError, match="only one process can be the DICOM node"):
        serve(host=None, port=None, config=config, data=None, workers=2)


def test_a_token_is_shown_once_with_the_lines_that_let_it_in() -> None:
    app = typer.Typer()
    app.command()(token)
    said = [CliRunner().invoke(app, ["page", "--role", "read"]).output for _ in range(2)]
    secrets = [re.search(r"Bearer (\S{43})\n", text)[1] for text in said]
    assert secrets[0] != secrets[1]
    settings = tomllib.loads(said[0][said[0].index("[[tokens]]") :])
    assert settings == {
        "tokens": [
            {
                "name": "page",
                "role": "read",
                "sha256": sha256(secrets[0].encode()).hexdigest(),
            }
        ]
    }
    checked({**settings, "host": "0.0.0.0"}, "test")
    with pytest.raises(WrongUsageError):
        token("a b")
