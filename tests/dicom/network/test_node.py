"""The node, called by dcmtk and by raw associations."""

from __future__ import annotations

import socket
import struct
import threading
import time
from io import BytesIO
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread, uid
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import build_context

from fractura.dicom.network import bounds
from fractura.dicom.network.bounds import Buffer, Room
from fractura.dicom.network.errors import NodeError
from fractura.dicom.network.node import TRANSFER_SYNTAXES, Caller, NodeOptions, start_node
from fractura.dicom.network.received import as_file, receive
from fractura.errors import SeveralFramesError
from fractura.imaging.load import load_bytes
from tests.dicom.network.peers import (
    associated,
    dataset_of,
    free_port,
    run,
    running,
    store,
    storescp,
)
from tests.dicom.results.material import radiograph

CR = uid.ComputedRadiographyImageStorage
EXPLICIT = uid.ExplicitVRLittleEndian
CALL = ("-aet", "SENDER", "-aec", "FRACTURA", "127.0.0.1")


def cr(number: int = 4, **changes: object) -> bytes:
    return radiograph(SOPInstanceUID=f"1.2.3.{number}", **changes)


def free_bytes(node) -> int:
    return node._server.room._free


def wait_until(condition) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_echoscu_gets_an_answer():
    with running() as (node, _):
        assert run("echoscu", *CALL, node.port).returncode == 0


@pytest.mark.parametrize(
    ("syntax", "option"),
    [
        (uid.ExplicitVRLittleEndian, "-x="),
        (uid.ImplicitVRLittleEndian, "-xi"),
        (uid.DeflatedExplicitVRLittleEndian, "-xd"),
    ],
)
def test_storescu_sends_a_file_of_which_no_byte_of_the_data_set_changes(tmp_path, syntax, option):
    path = tmp_path / "sent.dcm"
    path.write_bytes(cr(syntax=syntax))
    with running() as (node, received), storescp(tmp_path) as reference:
        assert run("storescu", option, *CALL, node.port, path).returncode == 0
        assert run("storescu", option, *CALL, reference, path).returncode == 0
    (item,) = received
    (kept,) = tmp_path.glob("CR.*")
    assert dataset_of(item.data) == dataset_of(kept.read_bytes())
    if not syntax.is_deflated:  # dcmtk deflates anew
        assert dataset_of(item.data) == dataset_of(path.read_bytes())
    before, after = load_bytes(path.read_bytes()), load_bytes(item.data)
    assert (before.pixels == after.pixels).all()
    assert (item.study_uid, item.series_uid, item.sop_instance_uid) == (
        "1.2.3",
        "1.2.3.5",
        "1.2.3.4",
    )
    assert (item.modality, item.body_part, item.calling_title) == ("CR", "HAND", "SENDER")
    assert (item.sop_class_uid, item.address) == (CR, "127.0.0.1")


def test_every_transfer_syntax_that_is_read_is_received_byte_by_byte():
    body = dataset_of(cr())
    deflated = dataset_of(cr(syntax=uid.DeflatedExplicitVRLittleEndian))
    implicit = dataset_of(cr(syntax=uid.ImplicitVRLittleEndian))
    big = dataset_of(cr(syntax=uid.ExplicitVRBigEndian))
    special = {
        uid.DeflatedExplicitVRLittleEndian: deflated,
        uid.ImplicitVRLittleEndian: implicit,
        uid.ExplicitVRBigEndian: big,
    }
    with running() as (node, received):
        for syntax in TRANSFER_SYNTAXES:
            sent = special.get(syntax, body)
            with associated(node.port, [(CR, syntax)]) as association:
                assert store(association, sent, CR, "1.2.3.4") == 0
            assert dataset_of(received[-1].data) == sent
            assert f"{syntax}".encode() in received[-1].data[:400]
    assert len(received) == len(TRANSFER_SYNTAXES)


def test_the_same_object_is_the_same_file_whoever_sends_it():
    with running(
        callers=(Caller("A", ip_network("127.0.0.1")), Caller("B", ip_network("127.0.0.1")))
    ) as (
        node,
        received,
    ):
        for title in "AB":
            with associated(node.port, [(CR, EXPLICIT)], title=title) as association:
                assert store(association, dataset_of(cr()), CR, "1.2.3.4") == 0
    assert received[0].data == received[1].data


@pytest.mark.parametrize(
    ("title", "called", "network", "reason"),
    [
        ("STRANGER", "FRACTURA", "127.0.0.1", "Calling AE Title Not Recognized"),
        ("SENDER", "FRACTURA", "10.0.0.0/8", "Calling AE Title Not Recognized"),
        ("SENDER", "OTHER", "127.0.0.1", "Called AE Title Not Recognized"),
    ],
)
def test_who_is_not_configured_is_rejected_with_the_reason(title, called, network, reason, caplog):
    with running(callers=(Caller("SENDER", ip_network(network)),)) as (node, received):
        answer = run("echoscu", "-aet", title, "-aec", called, "127.0.0.1", node.port)
    assert answer.returncode != 0
    assert reason in answer.stderr + answer.stdout
    assert not received
    said = [text for text in caplog.messages if text.startswith("association of")]
    assert len(said) == 1
    assert reason.split()[0].lower() + " AE title" in said[0]


def _request(called: bytes, calling: bytes) -> bytes:
    """An A-ASSOCIATE-RQ PDU as pynetdicom writes it, with these titles of 16 bytes."""
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "A", "B"
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16384
    implementation.implementation_class_uid = "1.2.3"
    primitive.user_information = [length, implementation]
    context = build_context(CR, EXPLICIT)
    context.context_id = 1
    primitive.presentation_context_definition_list = [context]
    data = bytearray(A_ASSOCIATE_RQ(primitive).encode())
    data[10:26], data[26:42] = called, calling
    return bytes(data)


@pytest.mark.parametrize(
    ("called", "calling", "kind", "says"),
    [
        (b"FRACTURA".ljust(16), b"SENDER".ljust(16), 2, ""),
        (b"FRACTURA".ljust(16, b"\0"), b"SENDER".ljust(16, b"\0"), 2, ""),
        (b"FRACTURA".ljust(16), bytes(16), 7, "the calling AE title is blank"),
        (b" " * 16, b"SENDER".ljust(16), 7, "the called AE title is blank"),
    ],
)
def test_titles_padded_with_nul_are_taken_and_blank_ones_logged(
    called, calling, kind, says, caplog
):
    with (
        running(callers=(Caller("SENDER", ip_network("127.0.0.0/8")),)) as (node, _),
        socket.create_connection(("127.0.0.1", node.port), 10) as peer,
    ):
        peer.sendall(_request(called, calling))
        assert peer.recv(1)[0] == kind  # A-ASSOCIATE-AC or A-ABORT
    assert says in caplog.text
    assert ("blank" in caplog.text) == bool(says)


def test_nobody_is_accepted_where_nobody_is_configured():
    with running(callers=()) as (node, _), associated(node.port, [(CR, EXPLICIT)]) as association:
        assert association.is_rejected


def test_only_so_many_associations_are_open_at_once():
    with (
        running(associations=1) as (node, _),
        associated(node.port, [(CR, EXPLICIT)]) as first,
        associated(node.port, [(CR, EXPLICIT)]) as second,
    ):
        assert first.is_established
        assert second.is_rejected
        assert second.acceptor.primitive.reason_str == "Local limit exceeded"


def _raise(_):
    raise RuntimeError("Doe^Jane")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (lambda _: "stored", 0x0000),
        (lambda _: "full", 0xA700),
        (lambda _: "refused", 0xC000),
        (_raise, 0x0110),
    ],
)
def test_the_outcome_decides_the_status(accept, status, caplog):
    with running(accept) as (node, _), associated(node.port, [(CR, EXPLICIT)]) as association:
        assert store(association, dataset_of(cr()), CR, "1.2.3.4") == status
    assert "Doe" not in caplog.text


def test_what_cannot_be_understood_is_refused_and_the_next_object_is_stored():
    good = dataset_of(cr())
    outside = good.replace(b"UI\x06\x001.2.3\0", b"UI\x06\x00../xyz")
    assert outside != good
    with running() as (node, received), associated(node.port, [(CR, EXPLICIT)]) as association:
        assert store(association, b"\x08\0\x18\0UI\xff\xff1.2", CR, "1.2.3.4") == 0xC000
        assert store(association, bytes(1000), CR, "1.2.3.4") == 0xC000
        assert store(association, outside, CR, "1.2.3.4") == 0xC000
        assert store(association, good, CR, "1.2.3.99") == 0xA900
        assert not received
        assert store(association, good, CR, "1.2.3.4") == 0


def _refuse(item):
    raise SeveralFramesError(f"it has {item.frames} frames; " + "send each by itself " * 9)


def test_the_sender_of_several_frames_is_told_why_they_are_refused():
    frames = cr(NumberOfFrames=12)
    with running(_refuse) as (node, _), associated(node.port, [(CR, EXPLICIT)]) as association:
        answer = association.send_c_store(dcmread(BytesIO(frames)))
    assert answer.Status == 0xC000
    assert answer.ErrorComment.startswith("it has 12 frames; send each")
    assert len(answer.ErrorComment) <= 64


@pytest.mark.parametrize(
    ("said", "frames"),
    [(None, 1), (1, 1), (3, 3), (b"3", 3), (b"x ", 1), (b"-2", 1), (b"1\\2 ", 1)],
)
def test_how_many_frames_an_object_has(said, frames):
    data = cr() if said is None else cr(NumberOfFrames=7 if isinstance(said, bytes) else said)
    if isinstance(said, bytes):
        element = b"\x28\x00\x08\x00IS"
        padded = said.ljust(2)
        old = element + struct.pack("<H", 2) + b"7 "
        assert old in data
        data = data.replace(old, element + struct.pack("<H", len(padded)) + padded)
    assert receive(data).frames == frames


def test_an_object_beyond_the_limit_is_refused_and_its_memory_given_back():
    small = dataset_of(cr())
    large = dataset_of(cr(5, PixelData=bytes(2_000_000)))
    with running(object_bytes=500_000, memory_bytes=600_000) as (node, received):
        with associated(node.port, [(CR, EXPLICIT)]) as association:
            assert store(association, large, CR, "1.2.3.5") == 0xA700
            assert store(association, small, CR, "1.2.3.4") == 0
            wait_until(lambda: free_bytes(node) == 600_000)
        assert [item.sop_instance_uid for item in received] == ["1.2.3.4"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60) | st.none()), max_size=60),
)
def test_memory_never_exceeds_the_room_and_always_comes_back(steps):
    """Buffers are written to, or closed (``None``), in any order."""
    room = Room(total=100, each=50)
    buffers = [Buffer(room) for _ in range(4)]
    written = [b""] * 4
    for index, size in steps:
        buffer = buffers[index]
        if size is None:
            buffer.close()
            buffers[index], written[index] = Buffer(room), b""
        else:
            buffer.write(bytes([index]) * size)
            written[index] += bytes([index]) * size
        held = [len(item.getvalue()) for item in buffers]
        assert sum(held) == 100 - room._free <= 100
        assert max(held) <= 50
        for item, data in zip(buffers, written, strict=True):
            assert item.getvalue() == (data if item.is_whole else b"")
    buffer = item = None
    buffers.clear()
    assert room._free == 100


def test_a_peer_that_goes_away_in_the_middle_leaves_nothing():
    with running() as (node, received):
        total = free_bytes(node)
        with associated(node.port, [(CR, EXPLICIT)]) as association:
            body = dataset_of(cr())
            association.dul.socket.socket.sendall(_command_pdu() + _pdu(0, body[:2000]))
            wait_until(lambda: free_bytes(node) == total - 2000)
            association.dul.socket.socket.shutdown(socket.SHUT_RDWR)
            wait_until(lambda: free_bytes(node) == total)
        assert not received


def _pdu(control: int, data: bytes) -> bytes:
    """One fragment; ``control`` says whether of a command (1) and whether the last (2)."""
    value = struct.pack(">LBB", len(data) + 2, 1, control) + data
    return struct.pack(">BBL", 4, 0, len(value)) + value


def _element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, number, len(value)) + value


def _command_pdu() -> bytes:
    body = b"".join(
        (
            _element(0x0002, CR.encode() + b"\0" * (len(CR) % 2)),
            _element(0x0100, struct.pack("<H", 1)),
            _element(0x0110, struct.pack("<H", 1)),
            _element(0x0700, struct.pack("<H", 0)),
            _element(0x0800, struct.pack("<H", 0)),
            _element(0x1000, b"1.2.3.4\0"),
        )
    )
    return _pdu(3, _element(0, struct.pack("<L", len(body))) + body)


def test_a_pdu_of_four_gigabytes_ends_the_connection():
    with running() as (node, _), socket.create_connection(("127.0.0.1", node.port), 5) as peer:
        peer.sendall(b"\x01\0\xff\xff\xff\xff" + bytes(1000))
        assert peer.recv(100)[:1] in (b"", b"\x07")
        with associated(node.port, [(CR, EXPLICIT)]) as association:
            assert association.is_established


def test_connections_without_a_request_are_counted_and_forgotten_when_they_end():
    with running(associations=1) as (node, _):
        address = ("127.0.0.1", node.port)
        peers = [socket.create_connection(address, 5) for _ in range(9)]
        wait_until(lambda: len(node._server.active_associations) == 9)
        with socket.create_connection(address, 5) as another:
            assert another.recv(1) == b""
        for peer in peers:
            peer.close()
        wait_until(lambda: not node._server.active_associations)
        with associated(node.port, [(CR, EXPLICIT)]) as association:
            assert association.is_established


def test_an_endless_command_ends_the_association():
    with running() as (node, _), associated(node.port, [(CR, EXPLICIT)]) as association:
        sent = _pdu(1, bytes(60_000))
        association.dul.socket.socket.sendall(sent + sent)
        wait_until(lambda: not association.is_established)


def test_a_peer_that_never_waits_for_answers_is_cut_off():
    go_on = threading.Event()
    with running(lambda _: "stored" if go_on.wait(10) else "full") as (node, _):
        with associated(node.port, [(CR, EXPLICIT)]) as association:
            whole = _command_pdu() + _pdu(2, dataset_of(cr()))
            association.dul.socket.socket.sendall(whole * 30)
            wait_until(lambda: not association.is_established)
        go_on.set()
        wait_until(lambda: free_bytes(node) == NodeOptions("A", "", 0, ()).memory_bytes)


def test_a_peer_that_stops_in_the_middle_of_a_pdu_is_cut_off(monkeypatch):
    monkeypatch.setattr(bounds, "SECONDS", 0.3)
    with running() as (node, _), socket.create_connection(("127.0.0.1", node.port), 5) as peer:
        peer.sendall(b"\x01\0\0\0\x10\0" + bytes(10))
        assert peer.recv(100)[:1] in (b"", b"\x07")


def test_stopping_finishes_the_open_store_and_refuses_the_next():
    entered, go_on = threading.Event(), threading.Event()

    def accept(_):
        entered.set()
        assert go_on.wait(10)
        return "stored"

    statuses = []
    with running(accept) as (node, _), associated(node.port, [(CR, EXPLICIT)]) as association:

        def send():
            for _ in range(2):
                statuses.append(store(association, dataset_of(cr()), CR, "1.2.3.4"))

        sender = threading.Thread(target=send)
        sender.start()
        assert entered.wait(10)
        stopper = threading.Thread(target=node.stop, args=(10,))
        stopper.start()
        wait_until(lambda: not node._server.room.is_open)
        go_on.set()
        sender.join(10)
        stopper.join(10)
        assert not stopper.is_alive()
        assert statuses[0] == 0
        assert statuses[1] in (0xA700, None)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", node.port), 1)


def test_stopping_waits_no_longer_than_the_grace_and_promises_nothing():
    entered, go_on = threading.Event(), threading.Event()

    def accept(_):
        entered.set()
        assert go_on.wait(10)
        return "stored"

    statuses = []
    with running(accept) as (node, _), associated(node.port, [(CR, EXPLICIT)]) as association:
        sender = threading.Thread(
            target=lambda: statuses.append(store(association, dataset_of(cr()), CR, "1.2.3.4"))
        )
        sender.start()
        assert entered.wait(10)
        start = time.monotonic()
        node.stop(0.2)
        assert time.monotonic() - start < 3
        go_on.set()
        sender.join(10)
    assert statuses == [None]


def test_an_address_in_use_is_said_clearly():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(NodeError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            start_node(NodeOptions("FRACTURA", "127.0.0.1", port, ()), lambda _: "stored")
    assert free_port() != port


def test_a_file_around_a_data_set_is_a_dicom_file():
    body = dataset_of(cr())
    data = as_file(body, sop_class=CR, sop_instance="1.2.3.4", transfer_syntax=EXPLICIT)
    assert data.endswith(body)
    assert dataset_of(data) == body
    assert receive(data).modality == "CR"
    assert (load_bytes(data).pixels == load_bytes(cr()).pixels).all()


@pytest.mark.parametrize(
    ("name", "option"),
    [
        *(("RG3_RLE", "-xr"), ("RG3_JPLL", "-xs"), ("RG3_JPLY", "-xx"), ("RG3_JLSL", "-xt")),
        *(("RG3_JLSN", "-xu"), ("RG3_J2KR", "-xv"), ("RG3_J2KI", "-xw"), ("dx_image", "-xi")),
    ],
)
def test_storescu_sends_real_radiographs_compressed(shared_data, tmp_path, name, option):
    (path,) = (item for item in (shared_data / "dicom").rglob(f"{name}*") if item.is_file())
    with running() as (node, received), storescp(tmp_path) as reference:
        assert run("storescu", option, *CALL, node.port, path).returncode == 0
        assert run("storescu", option, *CALL, reference, path).returncode == 0
    (kept,) = tmp_path.iterdir()
    assert dataset_of(received[0].data) == dataset_of(kept.read_bytes())
    assert (load_bytes(received[0].data).pixels == load_bytes(path.read_bytes()).pixels).all()
