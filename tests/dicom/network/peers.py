"""The other side of the network: programs of dcmtk, an Orthanc, certificates, raw associations."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from fractura.dicom.network.node import Caller, NodeOptions, Outcome, RunningNode, start_node
from fractura.dicom.network.received import Received

SENDER = Caller("SENDER", ip_network("127.0.0.0/8"))


@contextmanager
def running(accept: Any = None, **changes: Any) -> Iterator[tuple[RunningNode, list[Received]]]:
    """A node that keeps what it receives, or asks ``accept``."""
    received: list[Received] = []

    def keep(item: Received) -> Outcome:
        received.append(item)
        return "stored"

    options = {"title": "FRACTURA", "host": "127.0.0.1", "port": 0, "callers": (SENDER,)}
    node = start_node(NodeOptions(**{**options, **changes}), accept or keep)
    try:
        yield node, received
    finally:
        node.stop(2)


@contextmanager
def associated(
    port: int,
    contexts: Sequence[tuple[str, str]],
    *,
    title: str = "SENDER",
    called: str = "FRACTURA",
) -> Iterator[Association]:
    """An association with (SOP class, transfer syntax) contexts; perhaps not established."""
    entity = AE(ae_title=title)
    for sop_class, syntax in contexts:
        entity.add_requested_context(sop_class, syntax)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    association = entity.associate("127.0.0.1", port, ae_title=called)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def store(
    association: Association, dataset: bytes, sop_class: str, sop_instance: str
) -> int | None:
    """The status of a C-STORE of just these bytes."""
    (context, *_) = [
        item for item in association.accepted_contexts if item.abstract_syntax == sop_class
    ]
    request = C_STORE()
    request.MessageID = 1
    request.Priority = 2
    request.AffectedSOPClassUID = sop_class
    request.AffectedSOPInstanceUID = sop_instance
    request.DataSet = BytesIO(dataset)
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        time.sleep(0.001)
    association.dimse.send_msg(request, context.context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return None if answer is None else answer.Status


def dataset_of(data: bytes) -> bytes:
    """What follows the file meta information."""
    length = int.from_bytes(data[140:144], "little")
    return data[144 + length :]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    """The path of a program; skips where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program(command[0]), *map(str, command[1:])],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """dcmtk's store provider that writes what it gets, bit by bit, to a folder; gives its port."""
    port = free_port()
    with subprocess.Popen(
        [program("storescp"), "+xa", "+B", "-od", str(folder), *options, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_for_port(port, process)
            yield port
        finally:
            process.terminate()


def wait_for_port(port: int, process: subprocess.Popen[Any], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc. ``title`` is that of its DICOM server."""

    title: str
    dicom_port: int
    http_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def dicomweb(self) -> str:
        return f"{self.url}/dicom-web"

    def add_modality(self, name: str, title: str, port: int) -> None:
        """Make a DICOM node known, so that Orthanc may send to it and takes from it."""
        node = {"AET": title, "Host": "127.0.0.1", "Port": port}
        httpx.put(f"{self.url}/modalities/{name}", json=node, timeout=20).raise_for_status()

    def upload(self, data: bytes) -> str:
        """Orthanc's own name of the instance."""
        answer = httpx.post(f"{self.url}/instances", content=data, timeout=20)
        return str(answer.raise_for_status().json()["ID"])

    def send(self, name: str, instances: Sequence[str]) -> int:
        """C-STORE from Orthanc to a modality; the status of the HTTP request."""
        url = f"{self.url}/modalities/{name}/store"
        return httpx.post(url, json=list(instances), timeout=60).status_code

    def instances(self) -> list[str]:
        return list(httpx.get(f"{self.url}/instances", timeout=20).raise_for_status().json())

    def file(self, instance: str) -> bytes:
        answer = httpx.get(f"{self.url}/instances/{instance}/file", timeout=20)
        return answer.raise_for_status().content


@contextmanager
def running_orthanc(folder: Path) -> Iterator[Orthanc]:
    """An Orthanc with its DICOMweb plugin on free ports; skips where it is not installed."""
    plugin = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    command = program("Orthanc")
    if not plugin.exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed")
    orthanc = Orthanc("ORTHANC", free_port(), free_port())
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(plugin)],
        "HttpPort": orthanc.http_port,
        "DicomPort": orthanc.dicom_port,
        "DicomAet": orthanc.title,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("w") as log:
        process = subprocess.Popen([command, str(path)], stdout=log, stderr=log)
    try:
        wait_for_port(orthanc.http_port, process)
        wait_for_port(orthanc.dicom_port, process)
        yield orthanc
    finally:
        process.kill()  # its own end takes seconds
        process.wait(20)
