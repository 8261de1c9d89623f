"""The DICOM node: C-ECHO and C-STORE service class provider (PS3.4, A and B)."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Thread
from time import monotonic, sleep
from typing import Literal, cast

from pydicom import Dataset, uid
from pynetdicom import AE, AllStoragePresentationContexts, build_context, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from fractura.dicom.network.bounds import MAX_PDU, SECONDS, Buffer, Handler, Messages, Room, Server
from fractura.dicom.network.errors import NodeError
from fractura.dicom.network.received import (
    IMPLEMENTATION_UID,
    IMPLEMENTATION_VERSION,
    Received,
    as_file,
    receive,
)
from fractura.dicom.network.tls import TlsFiles, server_context
from fractura.errors import LoadError
from fractura.imaging.limits import MAX_FILE_BYTES

Outcome = Literal["stored", "full", "refused"]

TRANSFER_SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.JPEGLosslessSV1,
    uid.JPEGLossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.RLELossless,
    uid.JPEGExtended12Bit,
    uid.JPEGLSNearLossless,
    uid.JPEG2000,
    uid.HTJ2K,
    uid.JPEGBaseline8Bit,
)
"""All that :mod:`fractura.imaging` reads; of several that a peer offers, the first here is taken:
the uncompressed, then the lossless, then the lossy ones."""

_STATUS: dict[Outcome, int] = {"stored": 0x0000, "full": 0xA700, "refused": 0xC000}
_PROCESSING_FAILURE = 0x0110
_MISMATCH = 0xA900
_COMMENT_LENGTH = 64
"""Of an LO (PS3.5, 6.2)."""
_REJECTED_TITLE = (1, 1, 3)
"""Permanently, by the user, because the calling title is not recognised (PS3.8, 9.3.4)."""
_SECONDS_TO_ASK = 10.0
"""From the connection to the request for an association."""
_NOT_YET_REJECTED = 8
"""Connections beside the associations, whose peers wait for their rejection."""

_log = logging.getLogger("fractura.dicom.node")


@dataclass(frozen=True)
class Caller:
    """Who may send: a title, and the addresses that may use it."""

    title: str
    network: IPv4Network | IPv6Network


@dataclass(frozen=True)
class NodeOptions:
    """What a node is told.

    Attributes:
        title: its own; a peer must call it so.
        host, port: where it listens; port 0 takes a free one.
        callers: whose associations are accepted.
        tls: its certificates; with an authority, callers must show one too.
        associations: at once.
        object_bytes: of the largest object.
        memory_bytes: for all objects that are being received at once. The process needs up to
            three times as much.
    """

    title: str
    host: str
    port: int
    callers: tuple[Caller, ...]
    tls: TlsFiles | None = None
    associations: int = 32
    object_bytes: int = MAX_FILE_BYTES
    memory_bytes: int = MAX_FILE_BYTES


class RunningNode:
    """A node that listens."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.port = int(server.server_address[1])
        self._thread = Thread(target=server.serve_forever, args=(0.1,), name="node", daemon=True)
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Listen no more, finish the C-STOREs that have begun, and close the associations.

        A C-STORE that begins now is answered with 0xA700, so that the peer tries again.

        Args:
            grace: seconds after which open C-STOREs are cut off. Their senders get no success.
        """
        self._server.shutdown()
        self._server.room.is_open = False
        end = monotonic() + grace
        while open_ones := self._server.active_associations:
            for association in open_ones:
                if not association.is_established or monotonic() > end:
                    _cut_off(association)
                elif _messages(association).is_idle:
                    association.abort()
            if monotonic() > end + 1:
                break
            sleep(0.02)
        self._thread.join()


def start_node(options: NodeOptions, accept: Callable[[Received], Outcome]) -> RunningNode:
    """Listen.

    Args:
        options: see there.
        accept: called, in several threads at once, with each object. Only after it has returned
            ``"stored"`` is the sender told of success; ``"full"`` answers 0xA700 (out of
            resources), ``"refused"`` or a LoadError 0xC000 (cannot understand), the latter with
            its sentence as Error Comment, another exception 0x0110 (processing failure).

    Raises:
        NodeError: the address cannot be listened on, or the certificates cannot be used.
    """
    entity = AE(ae_title=options.title)
    entity.implementation_class_uid = IMPLEMENTATION_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION
    entity.maximum_pdu_size = MAX_PDU // 2
    entity.maximum_associations = options.associations
    entity.require_called_aet = True
    entity.acse_timeout = _SECONDS_TO_ASK
    entity.network_timeout = SECONDS
    context: ssl.SSLContext | None = server_context(options.tls) if options.tls else None
    try:
        server = Server(
            entity,
            (options.host, options.port),
            options.title,
            _contexts(),
            context,
            [
                (evt.EVT_REQUESTED, _reject_strangers, [options.callers]),
                (evt.EVT_REJECTED, _log_rejected),
                (evt.EVT_C_STORE, _store, [accept]),
                (evt.EVT_CONN_CLOSE, _forget),
            ],
            Handler,
        )
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise NodeError(
            f"the DICOM node cannot listen on {options.host}:{options.port} ({reason})"
        ) from error
    server.room = Room(options.memory_bytes, options.object_bytes)
    server.most = options.associations + _NOT_YET_REJECTED
    return RunningNode(server)


def _contexts() -> list[PresentationContext]:
    syntaxes: list[str | uid.UID] = list(TRANSFER_SYNTAXES)
    storage = [item.abstract_syntax for item in AllStoragePresentationContexts]
    return [
        build_context(Verification),
        *(build_context(kind, syntaxes) for kind in storage if kind),
    ]


def _reject_strangers(event: Event, callers: tuple[Caller, ...]) -> None:
    title, address = _who(event)
    if not _may_call(title, address, callers):
        _log.warning(
            "association of %r from %s rejected: calling AE title not recognised", title, address
        )
        event.assoc.acse.send_reject(*_REJECTED_TITLE)
        event.assoc.kill()


def _log_rejected(event: Event) -> None:
    title, address = _who(event)
    request = event.assoc.requestor.primitive
    called = request.called_ae_title if request else ""
    if called == event.assoc.acceptor.ae_title.strip():
        reason = "too many associations at once"
    else:
        reason = f"called AE title {called!r} not recognised"
    _log.warning("association of %r from %s rejected: %s", title, address, reason)


def _who(event: Event) -> tuple[str, str]:
    request = event.assoc.requestor.primitive
    return request.calling_ae_title.strip() if request else "", event.assoc.requestor.address


def _may_call(title: str, address: str, callers: tuple[Caller, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(title == caller.title and parsed in caller.network for caller in callers)


def _store(event: Event, accept: Callable[[Received], Outcome]) -> int | Dataset:
    request = cast(C_STORE, event.request)
    buffer = request.DataSet
    assert isinstance(buffer, Buffer)
    try:
        return _answer(event, request, buffer, accept)
    except Exception as error:
        _log.error("an object could not be stored: %s", type(error).__name__)
        return _PROCESSING_FAILURE
    finally:
        buffer.close()


def _answer(
    event: Event, request: C_STORE, buffer: Buffer, accept: Callable[[Received], Outcome]
) -> int | Dataset:
    title, address = _who(event)
    if not buffer.is_whole:
        _log.warning("an object from %s found no room", address)
        return _STATUS["full"]
    sop_class, sop_instance = str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID)
    data = as_file(
        buffer.getvalue(),
        sop_class=sop_class,
        sop_instance=sop_instance,
        transfer_syntax=str(event.context.transfer_syntax),
    )
    try:
        received = receive(data, calling_title=title, address=address)
        if (received.sop_class_uid, received.sop_instance_uid) != (sop_class, sop_instance):
            return _MISMATCH
        outcome = accept(received)
    except LoadError as error:
        _log.warning("an object from %s was refused: %s", address, error)
        return _refusal(str(error))
    _log.info("%s: %s", received.sop_instance_uid, outcome)
    return _STATUS[outcome]


def _refusal(reason: str) -> Dataset:
    """Status and Error Comment (PS3.7, C.4.2)."""
    answer = Dataset()
    answer.Status = _STATUS["refused"]
    answer.ErrorComment = reason[:_COMMENT_LENGTH]
    return answer


def _forget(event: Event) -> None:
    _messages(event.assoc).forget()
    if event.assoc.requestor.primitive is None:
        # The association waits for a request that will not come.
        event.assoc.dul.to_user_queue.put(None)


def _messages(association: Association) -> Messages:
    messages = association.dimse
    assert isinstance(messages, Messages)
    return messages


def _cut_off(association: Association) -> None:
    if association.dul.socket:
        association.dul.socket.close()
