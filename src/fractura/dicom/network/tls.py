"""TLS for DICOM associations (PS3.15, B.12)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from fractura.dicom.network.errors import DeliveryError, NodeError


@dataclass(frozen=True)
class TlsFiles:
    """Certificates in PEM. With ``ca`` the other side must show one that it signed."""

    certificate: Path
    key: Path
    ca: Path | None = None


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For a node: TLS 1.2 or newer; with ``ca``, callers need a certificate.

    Raises:
        NodeError: a file cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.certificate, files.key)
        if files.ca:
            context.load_verify_locations(files.ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        raise NodeError(f"{_names(files)}: no usable certificates ({error.strerror})") from error
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """For a sender: shows its certificate, and checks the other's name and certificate.

    Without ``ca`` the system's authorities count.

    Raises:
        DeliveryError: a file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=files.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(files.certificate, files.key)
    except OSError as error:
        raise DeliveryError(
            f"{_names(files)}: no usable certificates ({error.strerror})"
        ) from error
    return context


def _names(files: TlsFiles) -> str:
    return ", ".join(str(path) for path in (files.certificate, files.key, files.ca) if path)
