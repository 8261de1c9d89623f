"""Send objects by C-STORE (PS3.4, B)."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from pydicom import Dataset, dcmread, uid
from pydicom.errors import InvalidDicomError
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.status import STATUS_SUCCESS, STATUS_WARNING, code_to_category

from fractura.dicom.network.errors import DeliveryError
from fractura.dicom.network.received import IMPLEMENTATION_UID, IMPLEMENTATION_VERSION
from fractura.dicom.network.tls import TlsFiles, client_context

_MAX_PDU = 256 * 1024


def c_store(
    objects: Sequence[bytes],
    *,
    title: str,
    host: str,
    port: int,
    calling_title: str,
    tls: TlsFiles | None = None,
    timeout: float = 30,
) -> None:
    """Send files (PS3.10) in one association.

    An uncompressed object is also offered in the other little endian encoding.

    Args:
        objects: whole files.
        title: the application entity that is called.
        host, port: its address.
        calling_title: our own title.
        tls: our certificates; ``None`` sends without TLS.
        timeout: seconds for each step: to connect, to agree, for the answer to one object.

    Raises:
        DeliveryError: not all objects were stored there; says why, and each object's status.
    """
    where = f"{title} at {host}:{port}"
    datasets = [_parse(data) for data in objects]
    entity = _entity(datasets, calling_title, timeout)
    connected: list[Event] = []
    try:
        association = entity.associate(
            host,
            port,
            ae_title=title,
            max_pdu=_MAX_PDU,
            tls_args=(client_context(tls), host) if tls else None,
            evt_handlers=[(evt.EVT_CONN_OPEN, connected.append)],
        )
    except OSError as error:
        raise DeliveryError(f"{where}: the host is not known", [None] * len(objects)) from error
    if not association.is_established:
        reason = _why_not(association, bool(connected), bool(tls))
        raise DeliveryError(f"{where}: {reason}", [None] * len(objects))
    try:
        statuses = [_send(association, dataset) for dataset in datasets]
    finally:
        if association.is_established:
            association.release()
    failures = [status for status in statuses if not _is_stored(status)]
    if failures:
        raise DeliveryError(
            f"{where}: {len(failures)} of {len(objects)} objects were not stored "
            f"({_meaning(failures[0])})",
            statuses,
        )


def _parse(data: bytes) -> Dataset:
    try:
        dataset = dcmread(BytesIO(data))
        for keyword in ("SOPClassUID", "SOPInstanceUID"):
            dataset[keyword]
        dataset.file_meta.TransferSyntaxUID  # noqa: B018
    except (InvalidDicomError, KeyError, AttributeError, EOFError) as error:
        raise DeliveryError("an object to be sent is no whole DICOM file") from error
    return dataset


def _entity(datasets: Sequence[Dataset], calling_title: str, timeout: float) -> AE:
    entity = AE(ae_title=calling_title)
    entity.implementation_class_uid = IMPLEMENTATION_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION
    entity.connection_timeout = entity.acse_timeout = timeout
    entity.dimse_timeout = entity.network_timeout = timeout
    plain = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian]
    wanted = {(item.SOPClassUID, item.file_meta.TransferSyntaxUID) for item in datasets}
    for sop_class, syntax in sorted(wanted):
        entity.add_requested_context(sop_class, plain if syntax in plain else syntax)
    return entity


def _send(association: Association, dataset: Dataset) -> int | None:
    try:
        answer = association.send_c_store(dataset)
    except (RuntimeError, ValueError):
        # The association has ended, or no context for the object was agreed on.
        return None
    return int(answer.Status) if "Status" in answer else None


def _is_stored(status: int | None) -> bool:
    return status is not None and code_to_category(status) in (STATUS_SUCCESS, STATUS_WARNING)


def _meaning(status: int | None) -> str:
    if status is None:
        return "no answer, or its kind of object is not accepted there"
    return f"status 0x{status:04X}"


def _why_not(association: Association, connected: bool, tls: bool) -> str:
    if not connected:
        return "no connection" + (", or its certificate is not trusted" if tls else "")
    if association.is_rejected and association.acceptor.primitive:
        reason = association.acceptor.primitive.reason_str
        return f"the association was rejected ({reason.lower()})"
    if association.rejected_contexts:
        return "it accepts no such objects"
    return "the association was aborted"
