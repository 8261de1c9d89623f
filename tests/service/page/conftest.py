"""A running service, a real Chromium, and synthetic radiographs to send."""

import asyncio
import hashlib
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit
from tests.dicom.results.material import radiograph

pytest.importorskip("fastapi", reason="the service needs fractura[serve]")
sync_api = pytest.importorskip("playwright.sync_api", reason="the page's tests need playwright")
import uvicorn  # noqa: E402

from fractura.service.process import start  # noqa: E402
from fractura.service.rest.app import make_app  # noqa: E402
from fractura.service.settings import ServiceSettings, Token  # noqa: E402

CHROMIUM = shutil.which("chromium")
SECRET = "the-secret-of-this-test"


@contextmanager
def running(settings: ServiceSettings) -> Iterator[str]:
    """The service on a free port, in a thread; gives its address."""
    server = uvicorn.Server(uvicorn.Config(make_app(start(settings)), port=0, log_level="warning"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            thread.join(0.02)
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    """The address of a service that lets in everyone on this machine."""
    with running(ServiceSettings(data=tmp_path_factory.mktemp("service"), readers=1)) as address:
        yield address


@pytest.fixture(scope="session")
def guarded_service(tmp_path_factory):
    """The address of a service that wants :data:`SECRET`."""
    token = Token(name="radiologist", sha256=hashlib.sha256(SECRET.encode()).hexdigest())
    data = tmp_path_factory.mktemp("guarded")
    with running(ServiceSettings(data=data, readers=1, tokens=(token,))) as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.skip("there is no chromium here")
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Open an address; at the end of the test nothing may have been wrong with the page.

    Asserts that it wrote no error into the console, raised none, and asked no other host.
    """
    opened = []

    def open_at(address, width=1280, height=720, refused=()):
        """``refused``: HTTP statuses that the test provokes; the browser logs each."""
        context = chromium.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        seen = SimpleNamespace(faults=[], hosts=set())
        page.on("pageerror", lambda error: seen.faults.append(str(error)))
        page.on("console", lambda message: _note(message, seen.faults, refused))
        page.on("request", lambda request: seen.hosts.add(request.url.split("/v1/")[0]))
        opened.append((context, page, seen, address))
        page.goto(address)
        return page

    yield open_at
    for context, _, seen, address in opened:
        context.close()
        assert seen.faults == []
        local = (address, address.rstrip("/"), f"blob:{address}", "data:")
        assert [host for host in seen.hosts if not host.startswith(local)] == []


def _note(message, faults, refused):
    if message.type not in ("error", "warning"):
        return
    if not any(f"status of {status}" in message.text for status in refused):
        faults.append(message.text)


@pytest.fixture(scope="session")
def radiographs(tmp_path_factory):
    """A folder with ``wrist.png``, of which the model lists three boxes, and ``wrist.dcm``."""
    folder = tmp_path_factory.mktemp("radiographs")
    pixels = make_phantom(1, width=200, height=240).radiograph.pixels
    save_png(folder / "wrist.png", to_16_bit(pixels))
    (folder / "wrist.dcm").write_bytes(radiograph())
    return folder
