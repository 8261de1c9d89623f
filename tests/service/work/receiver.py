"""A PACS to send results to, and a modality that sends radiographs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from pydicom import dcmread, uid
from pynetdicom import AE, evt

RESULTS = (
    uid.Comprehensive3DSRStorage,
    uid.GrayscaleSoftcopyPresentationStateStorage,
    uid.SecondaryCaptureImageStorage,
)


@dataclass
class Received:
    """What came to the PACS, in order.

    Attributes:
        objects: SOP Instance UID, SOP class and data set.
        refused: SOP classes that are refused.
    """

    objects: list[tuple[str, str, bytes]] = field(default_factory=list)
    refused: tuple[str, ...] = ()
    lock: threading.Lock = field(default_factory=threading.Lock)

    def classes(self) -> list[str]:
        with self.lock:
            return sorted(kind for _, kind, _ in self.objects)

    def store(self, event: Any) -> int:
        request = event.request
        if request.AffectedSOPClassUID in self.refused:
            return 0xA900
        item = (
            str(request.AffectedSOPInstanceUID),
            str(request.AffectedSOPClassUID),
            request.DataSet.getvalue(),
        )
        with self.lock:
            self.objects.append(item)
        return 0x0000


@contextmanager
def pacs(port: int = 0, received: Received | None = None) -> Iterator[tuple[int, Received]]:
    """A storage SCP for the three kinds of results on a free port."""
    received = received or Received()
    entity = AE("PACS")
    for kind in RESULTS:
        entity.add_supported_context(kind)
    server = entity.start_server(
        ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, received.store)]
    )
    try:
        yield server.server_address[1], received
    finally:
        server.shutdown()


def send(data: bytes, port: int, *, title: str = "MODALITY") -> int | None:
    """The status of a C-STORE; None where there was no answer."""
    dataset = dcmread(BytesIO(data))
    entity = AE(title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    entity.connection_timeout = 5
    entity.add_requested_context(dataset.SOPClassUID, uid.ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title="FRACTURA")
    if not association.is_established:
        return None
    try:
        status = association.send_c_store(dataset)
    except (RuntimeError, ValueError):
        return None
    finally:
        association.release()
    return status.get("Status")
