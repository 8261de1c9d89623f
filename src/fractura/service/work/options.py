"""What the settings mean to the DICOM network."""

from __future__ import annotations

from ipaddress import ip_network

from fractura.dicom.network.node import Caller, NodeOptions
from fractura.dicom.network.tls import TlsFiles
from fractura.service.settings import Node, Tls


def node_options(node: Node) -> NodeOptions:
    """The node's own side."""
    return NodeOptions(
        title=node.title,
        host=node.host,
        port=node.port,
        callers=tuple(Caller(peer.title, ip_network(peer.address)) for peer in node.peers),
        tls=tls_files(node.tls),
        associations=node.associations,
    )


def tls_files(tls: Tls | None) -> TlsFiles | None:
    """Where the certificates are."""
    return None if tls is None else TlsFiles(tls.certificate, tls.key, tls.ca)
