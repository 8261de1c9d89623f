"""TLS between our sender and our node."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fractura.dicom.network.errors import DeliveryError, NodeError
from fractura.dicom.network.send import c_store
from fractura.dicom.network.tls import TlsFiles
from tests.dicom.network.certificates import make
from tests.dicom.network.peers import run, running
from tests.dicom.results.material import radiograph


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A node's and a client's certificate of one authority, and a stranger's of another."""
    folder = tmp_path_factory.mktemp("certificates")
    ours = {name: make(folder, "ours", name) for name in ("node", "client")}
    return {**ours, "stranger": make(folder, "theirs", "stranger")}


def send(port: int, tls: TlsFiles | None, timeout: float = 5) -> None:
    c_store(
        [radiograph()],
        title="FRACTURA",
        host="127.0.0.1",
        port=port,
        calling_title="SENDER",
        tls=tls,
        timeout=timeout,
    )


def test_both_show_a_certificate_of_the_authority(certificates):
    with (
        running(tls=certificates["node"]) as (node, received),
        # One who connects and says nothing holds nobody up.
        socket.create_connection(("127.0.0.1", node.port)),
    ):
        send(node.port, certificates["client"])
    assert len(received) == 1


def test_who_shows_none_or_a_foreign_one_is_not_let_in(certificates):
    ours, theirs = certificates["client"], certificates["stranger"]
    foreign = TlsFiles(theirs.certificate, theirs.key, ours.ca)
    with running(tls=certificates["node"]) as (node, received):
        for tls in (None, foreign):
            with pytest.raises(DeliveryError):
                send(node.port, tls)
        send(node.port, ours)
    assert len(received) == 1


def test_a_sender_sends_nothing_to_a_node_it_does_not_trust(certificates):
    node_tls = certificates["node"]
    without_ca = TlsFiles(node_tls.certificate, node_tls.key)
    with running(tls=without_ca) as (node, received):
        with pytest.raises(DeliveryError, match="no connection, or its certificate is not trusted"):
            send(node.port, certificates["stranger"])
        send(node.port, certificates["client"])
    assert len(received) == 1


def test_handshakes_that_do_not_end_are_counted(certificates):
    with running(tls=certificates["node"], associations=1) as (node, _):
        peers = [socket.create_connection(("127.0.0.1", node.port), 5) for _ in range(9)]
        with socket.create_connection(("127.0.0.1", node.port), 5) as another:
            assert another.recv(1) == b""
        for peer in peers:
            peer.close()


def test_dcmtk_speaks_tls_with_the_node(certificates, tmp_path):
    path = tmp_path / "sent.dcm"
    path.write_bytes(radiograph())
    tls = certificates["client"]
    options = ("+tls", tls.key, tls.certificate, "+cf", tls.ca)
    with running(tls=certificates["node"]) as (node, received):
        call = ("-aet", "SENDER", "-aec", "FRACTURA", "127.0.0.1", node.port, path)
        answer = run("storescu", *options, *call)
        assert answer.returncode == 0, answer.stderr
        assert run("storescu", *call).returncode != 0
    assert len(received) == 1


def test_certificates_that_cannot_be_read_are_named(certificates, tmp_path):
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    tls = TlsFiles(broken, Path("missing.key"))
    with pytest.raises(NodeError, match=r"broken\.pem"), running(tls=tls):
        pass
    with pytest.raises(DeliveryError, match=r"broken\.pem"):
        send(1, tls)
