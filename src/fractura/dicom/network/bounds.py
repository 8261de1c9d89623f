"""Parts of pynetdicom's server with bounds on memory and time for what a peer sends.

pynetdicom reads PDUs of any announced length, collects messages of any size, waits for ever for
the rest of a PDU, and does the TLS handshake in the thread that takes connections.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from socket import socket
from socketserver import BaseServer
from sys import exception
from threading import Lock
from time import monotonic
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

MAX_PDU = 256 * 1024
"""Bytes of the largest protocol data unit that is received; half of it is announced."""
MAX_COMMAND = 64 * 1024
MAX_WAITING = 16
"""Messages that a peer may send before it has its answer; it should send none (PS3.7, D.3.3.3)."""
SECONDS = 60.0
"""For a whole PDU, and between two."""
HANDSHAKE_SECONDS = 10.0
"""For each step of a TLS handshake."""

_REQUEST = b"\x01"
_TITLES = {"called": slice(10, 26), "calling": slice(26, 42)}

_log = logging.getLogger("fractura.dicom.node")


class Room:
    """Memory for the objects that are being received, shared by all associations.

    Attributes:
        each: bytes for one object.
        is_open: whether an object that begins to come now gets any.
    """

    def __init__(self, total: int, each: int) -> None:
        self.each = each
        self.is_open = True
        self._free = total
        self._lock = Lock()

    def take(self, count: int) -> bool:
        """Whether there is room for ``count`` more bytes; then they are taken."""
        with self._lock:
            if count > self._free:
                return False
            self._free -= count
            return True

    def give_back(self, count: int) -> None:
        """Free what was taken."""
        with self._lock:
            self._free += count


class Buffer(BytesIO):
    """Collects a data set within a :class:`Room`; what finds no place is dropped."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.is_whole = room.is_open
        self._room = room
        self._taken = 0

    def write(self, data: Any, /) -> int:
        """Append; what finds no room is dropped, and ``is_whole`` says so."""
        if self.is_whole:
            if self._taken + len(data) <= self._room.each and self._room.take(len(data)):
                self._taken += len(data)
                return super().write(data)
            self.is_whole = False
            self._release()
        return len(data)

    def close(self) -> None:
        """Free the room that the buffer took."""
        if not self.closed:
            self._release()
        super().close()

    def _release(self) -> None:
        self.seek(0)
        self.truncate()
        self._room.give_back(self._taken)
        self._taken = 0


class Messages(DIMSEServiceProvider):
    """Collects messages within a :class:`Room`."""

    def __init__(self, assoc: Association, room: Room) -> None:
        super().__init__(assoc)
        self._room = room
        self._is_serving = False

    @property
    def is_idle(self) -> bool:
        """Whether no request is being received, waits or is being answered."""
        return not self._is_serving and self.message is None and self.msg_queue.empty()

    def get_msg(self, block: bool = False) -> Any:
        """The next message, as pynetdicom gives it; notes whether one is being served."""
        self._is_serving = True
        item = super().get_msg(block)
        self._is_serving = item[1] is not None
        return item

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take one part of a message; beyond the limits the association is aborted."""
        if self.message is None:
            self.message = DIMSEMessage()
            self.message.data_set = Buffer(self._room)
        message = self.message
        super().receive_primitive(primitive)
        too_long = message.encoded_command_set.tell() > MAX_COMMAND
        if too_long or self.msg_queue.qsize() > MAX_WAITING:
            self.dul.event_queue.put("Evt19")  # an invalid PDU: the association is aborted

    def forget(self) -> None:
        """Give back the memory of what was not served when the connection ended."""
        waiting = [self.message.data_set] if self.message else []
        self.message = None
        while not self.msg_queue.empty():
            waiting.append(getattr(self.msg_queue.get_nowait()[1], "DataSet", None))
        for buffer in waiting:
            if buffer is not None:
                buffer.close()


class Server(ThreadedAssociationServer):
    """Takes connections, never waits for a peer while it does, and refuses too many.

    Attributes:
        room: for the objects.
        most: connections at once.
    """

    daemon_threads = True
    room: Room
    most: int
    _handshakes = 0
    _lock = Lock()

    def get_request(self) -> tuple[socket, Any]:
        """Accept a connection, with its time-outs set."""
        assert self.socket is not None
        connection, address = self.socket.accept()
        connection.settimeout(SECONDS)
        if self.ssl_context:
            connection = self.ssl_context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more connection."""
        return len(self.active_associations) + self._handshakes < self.most

    @contextmanager
    def handshake(self) -> Iterator[None]:
        """Counts as a connection meanwhile."""
        with self._lock:
            self._handshakes += 1
        try:
            yield
        finally:
            with self._lock:
                self._handshakes -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log the type of a fault, and nothing of its content."""
        _log.warning("no connection with %s: %s", client_address[0], type(exception()).__name__)

    def shutdown(self) -> None:
        """Take no more connections."""
        BaseServer.shutdown(self)
        self.server_close()


class Handler(RequestHandler):
    """Makes associations out of the parts above."""

    server: Server

    def handle(self) -> None:
        """Serve one connection, after a TLS handshake within its time."""
        if isinstance(self.request, ssl.SSLSocket):
            with self.server.handshake():
                self.request.settimeout(HANDSHAKE_SECONDS)
                self.request.do_handshake()
            self.request.settimeout(SECONDS)
        super().handle()

    def _create_association(self) -> Association:
        association = super()._create_association()
        association.dimse = Messages(association, self.server.room)
        wrapper = association.dul.socket
        assert wrapper is not None
        wrapper.recv = partial(_receive, wrapper)  # type: ignore[method-assign]
        decode, peer = association.dul._decode_pdu, self.client_address[0]
        association.dul._decode_pdu = partial(_decode, decode, peer)  # type: ignore[method-assign]
        return association


def _receive(wrapper: AssociationSocket, count: int) -> bytearray:
    """``count`` bytes, fewer where the connection ends.

    Raises:
        OSError: they are too many, or take too long.
    """
    if count > MAX_PDU:
        raise OSError("a PDU is longer than agreed")
    data = bytearray(count)
    rest = memoryview(data)
    end = monotonic() + SECONDS
    while rest:
        if wrapper.socket is None or monotonic() > end:
            raise TimeoutError("a PDU took too long")
        got = wrapper.socket.recv_into(rest)
        if not got:
            return data[: count - len(rest)]
        rest = rest[got:]
    return data


def _decode(decode: Callable[[bytearray], Any], peer: str, data: bytearray) -> Any:
    """Decode a PDU; in the AE titles of an A-ASSOCIATE-RQ (PS3.8, 9.3.2) NULs become blanks.

    pynetdicom aborts an association whose title is blank; the log says so.
    """
    if data[:1] == _REQUEST:
        for name, place in _TITLES.items():
            data[place] = data[place].replace(b"\0", b" ")
            if len(data) >= place.stop and not data[place].strip():
                _log.warning("association from %s rejected: the %s AE title is blank", peer, name)
    return decode(data)
