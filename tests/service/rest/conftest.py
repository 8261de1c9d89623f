"""A running service, and radiographs to send to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

pytest.importorskip("fastapi", reason="the service needs fractura[serve]")

import uvicorn

from fractura.service.process import Process, start
from fractura.service.rest.app import make_app
from fractura.service.rest.server import listen
from fractura.service.settings import ServiceSettings, checked
from tests.dicom.results.material import radiograph

SECRETS = {"read": "sees", "submit": "sends", "admin": "does all"}


@dataclass(frozen=True)
class Running:
    process: Process
    port: int
    client: httpx.Client

    def as_role(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {SECRETS[role]}"}


@contextmanager
def serving(settings: ServiceSettings) -> Iterator[Running]:
    process = start(settings)
    listening = listen(settings)
    port = listening.getsockname()[1]
    config = uvicorn.Config(
        make_app(process), http="h11", log_config=None, access_log=False, server_header=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield Running(process, port, client)
    server.should_exit = True
    thread.join()


def with_tokens(folder: Path, **more: object) -> ServiceSettings:
    tokens = [
        {"name": f"who-{role}", "role": role, "sha256": sha256(secret.encode()).hexdigest()}
        for role, secret in SECRETS.items()
    ]
    return checked({"data": folder, "port": 0, "readers": 1, "tokens": tokens, **more}, "test")


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Running]:
    """Without tokens."""
    folder = tmp_path_factory.mktemp("service")
    with serving(checked({"data": folder, "port": 0, "readers": 1}, "test")) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[Running]:
    """With a token for each role and small limits."""
    limits = {"upload_megabytes": 2, "files": 3, "deadline_seconds": 2}
    with serving(with_tokens(tmp_path_factory.mktemp("guarded"), limits=limits)) as running:
        yield running


@pytest.fixture(scope="session")
def png(phantom_pngs) -> bytes:
    return phantom_pngs[1].read_bytes()


@pytest.fixture(scope="session")
def dicom() -> bytes:
    return radiograph()


@pytest.fixture(scope="module")
def read_dicom(service, dicom) -> str:
    """The id of a reading of a DICOM radiograph."""
    answer = service.client.post("/v1/readings", files={"file": ("a.dcm", dicom)})
    assert answer.status_code == 200
    return answer.json()["id"]
