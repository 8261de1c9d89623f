"""Freshly made certificates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fractura.dicom.network.tls import TlsFiles


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def make(folder: Path, authority: str, subject: str) -> TlsFiles:
    """A certificate for 127.0.0.1, signed by a new authority or the one of the same name."""
    ca_path, ca_key_path = folder / f"{authority}.pem", folder / f"{authority}.key"
    if not ca_path.exists():
        ca_key = ec.generate_private_key(ec.SECP256R1())
        _write(ca_key_path, ca_key)
        ca_path.write_bytes(_certificate(authority, authority, ca_key, ca_key, is_authority=True))
    ca_key = serialization.load_pem_private_key(ca_key_path.read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    path, key_path = folder / f"{subject}.pem", folder / f"{subject}.key"
    _write(key_path, key)
    path.write_bytes(_certificate(authority, subject, ca_key, key, is_authority=False))
    return TlsFiles(path, key_path, ca_path)


def _write(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _certificate(issuer: str, subject: str, issuer_key, key, *, is_authority: bool) -> bytes:
    now = datetime.now(UTC)
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .issuer_name(_name(issuer))
        .subject_name(_name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority_key, critical=False)
        .sign(issuer_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
