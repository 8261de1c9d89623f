"""A client of DICOMweb archives: STOW-RS, QIDO-RS and WADO-RS (PS3.18, 10)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fractura.dicom.network import multipart
from fractura.dicom.network.errors import ArchiveError, DeliveryError
from fractura.dicom.network.http import HttpResponse, ask
from fractura.dicom.network.received import UID_PATTERN, receive
from fractura.errors import LoadError
from fractura.imaging.limits import MAX_FILE_BYTES

_JSON = "application/dicom+json"
_PAGE = 100
_MAX_JSON = 32 * 1024**2
_MAX_IMAGES = 100_000
_ANY_SYNTAX = f'multipart/related; type="{multipart.DICOM}"; transfer-syntax=*'

# Tags of the DICOM JSON model (PS3.18, F.2)
_SOP_CLASS, _SOP_INSTANCE = "00080016", "00080018"
_STUDY, _SERIES = "0020000D", "0020000E"
_FAILED, _REASON, _REFERENCED_INSTANCE = "00081198", "00081197", "00081155"
_UNKNOWN_REASON = 0x0110


@dataclass(frozen=True)
class InstanceReference:
    """An object in an archive."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str


def stow(objects: Sequence[bytes], url: str, token: str | None) -> None:
    """Store files (PS3.10) by STOW-RS in one request.

    Args:
        objects: whole files.
        url: of the service, without ``/studies``.
        token: bearer token.

    Raises:
        DeliveryError: not all objects were stored there.
    """
    content_type, body = multipart.join(objects)
    try:
        answer = ask(
            "POST",
            url,
            "studies",
            token=token,
            accept=_JSON,
            most=_MAX_JSON,
            body=body,
            content_type=content_type,
        )
    except ArchiveError as error:
        raise DeliveryError(str(error), [None] * len(objects)) from error
    failed = _failed(answer)
    statuses = [failed.get(_instance_uid(data), 0) for data in objects]
    if failed:
        raise DeliveryError(
            f"{url}: {len(failed)} of {len(objects)} objects were not stored "
            f"(reason 0x{next(iter(failed.values())):04X})",
            statuses,
        )
    # 202 says that some failed or came with warnings; none failed by name.
    if answer.status not in (200, 202) or (answer.status == 202 and not _is_json(answer)):
        raise DeliveryError(
            f"{url}: the objects were not stored (status {answer.status})", [None] * len(objects)
        )


def new_images(
    url: str, token: str | None, modalities: Sequence[str], since: date
) -> Iterator[InstanceReference]:
    """Ask by QIDO-RS for the objects of all studies from a day on.

    Args:
        url: of the service.
        token: bearer token.
        modalities: of the objects.
        since: first Study Date.

    Raises:
        ArchiveError: the archive cannot be asked or answers with something else.
    """
    for modality in modalities:
        yield from _instances(url, token, modality, since)


def fetch(url: str, token: str | None, reference: InstanceReference) -> bytes:
    """Get an object by WADO-RS, as it is stored there.

    Returns:
        A whole file (PS3.10).

    Raises:
        ArchiveError: the archive cannot be asked, or answers with something else than the object.
    """
    path = (
        f"studies/{reference.study_uid}/series/{reference.series_uid}"
        f"/instances/{reference.sop_instance_uid}"
    )
    answer = ask("GET", url, path, token=token, accept=_ANY_SYNTAX, most=MAX_FILE_BYTES)
    if answer.status != 200:
        raise ArchiveError(f"{url}: does not give an object (status {answer.status})")
    data = multipart.only_part(answer.content_type, answer.body)
    if data is None:
        raise ArchiveError(f"{url}: gives no object but {answer.content_type[:64]!r}")
    try:
        received = receive(data)
    except LoadError as error:
        raise ArchiveError(f"{url}: gives a damaged object ({error})") from error
    if received.sop_instance_uid != reference.sop_instance_uid:
        raise ArchiveError(f"{url}: gives another object than it was asked for")
    return data


def _instances(
    url: str, token: str | None, modality: str, since: date
) -> Iterator[InstanceReference]:
    seen: set[str] = set()
    offset = 0
    while len(seen) < _MAX_IMAGES:
        page = _page(url, token, modality, since, offset)
        fresh = [item for item in page if item.sop_instance_uid not in seen]
        if not fresh:
            return
        seen.update(item.sop_instance_uid for item in fresh)
        offset += len(page)
        yield from fresh


def _page(
    url: str, token: str | None, modality: str, since: date, offset: int
) -> list[InstanceReference]:
    """One page of matches; none for a status of 204 or an empty body.

    Some archives answer 206, partial content, for a page that is not the last.
    """
    query = {
        "Modality": modality,
        "StudyDate": f"{since:%Y%m%d}-",
        "includefield": _SOP_CLASS,
        "limit": str(_PAGE),
        "offset": str(offset),
    }
    answer = ask("GET", url, "instances", token=token, accept=_JSON, most=_MAX_JSON, query=query)
    if answer.status == 204:
        return []
    if answer.status not in (200, 206):
        raise ArchiveError(f"{url}: does not answer a query (status {answer.status})")
    if not answer.body.strip():
        return []
    items = _json(answer.body)
    if not isinstance(items, list):
        raise ArchiveError(f"{url}: answers a query with something else than a list")
    return [reference for item in items if (reference := _reference(item))]


def _reference(item: Any) -> InstanceReference | None:
    """``None`` where an identifier is missing or could change an address that it is put into."""
    values = [_first(item, tag) for tag in (_STUDY, _SERIES, _SOP_INSTANCE, _SOP_CLASS)]
    uids = [value for value in values if isinstance(value, str) and UID_PATTERN.fullmatch(value)]
    return InstanceReference(*uids) if len(uids) == len(values) else None


def _failed(answer: HttpResponse) -> Mapping[str, int]:
    """Failure reasons by SOP Instance UID (PS3.18, I.2)."""
    document = _json(answer.body) if _is_json(answer) else None
    sequence = document.get(_FAILED) if isinstance(document, dict) else None
    items = sequence.get("Value") if isinstance(sequence, dict) else None
    reasons = {}
    for item in items if isinstance(items, list) else ():
        reason = _first(item, _REASON)
        reasons[str(_first(item, _REFERENCED_INSTANCE))] = (
            reason if isinstance(reason, int) else _UNKNOWN_REASON
        )
    return reasons


def _is_json(answer: HttpResponse) -> bool:
    return "json" in answer.content_type


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _first(item: Any, tag: str) -> Any:
    element = item.get(tag) if isinstance(item, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else None


def _instance_uid(data: bytes) -> str:
    try:
        return receive(data).sop_instance_uid
    except LoadError as error:
        raise DeliveryError("an object to be sent is no whole DICOM file") from error
