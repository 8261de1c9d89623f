"""HTTP for DICOMweb: to the configured address only, in bounded time and memory.

httpx and not dicomweb-client, which has no limit on the size of an answer or on its time as a
whole, follows redirects to any host, and decodes and encodes objects that must stay as they are.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic

import httpx

from fractura.dicom.network.errors import ArchiveError

TIMEOUT = httpx.Timeout(30, connect=10)
ANSWER_SECONDS = 300.0
"""For a whole answer."""

_FORBIDDEN = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/3",
        "fe80::/10",
        "ff00::/8",
        "::/128",
        # Metadata services of clouds that are not link-local: Alibaba, Azure, Oracle, AWS.
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::254/128",
    )
)
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class HttpResponse:
    """An answer of a server: its status, the field Content-Type, and the body."""

    status: int
    content_type: str
    body: bytes


def ask(
    method: str,
    base: str,
    path: str,
    *,
    token: str | None,
    accept: str,
    most: int,
    query: dict[str, str] | None = None,
    body: bytes | None = None,
    content_type: str | None = None,
) -> HttpResponse:
    """One request. Redirects are not followed.

    Args:
        method: of HTTP.
        base: the configured address of the service.
        path: below it, without a slash in front.
        token: bearer token.
        accept: media types.
        most: bytes of the answer's body.
        query, body, content_type: of the request.

    Raises:
        ArchiveError: the host may not be asked or does not answer, the token is refused, the
            answer is a redirect, too large or too slow.
    """
    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if content_type is not None:
        headers["Content-Type"] = content_type
    url = f"{base.rstrip('/')}/{path}"
    try:
        with (
            httpx.Client(transport=_CheckedTransport(), timeout=TIMEOUT, trust_env=False) as client,
            client.stream(method, url, params=query, content=body, headers=headers) as response,
        ):
            if response.is_redirect:
                raise ArchiveError(f"{base}: sends on to another address, which is not followed")
            if response.status_code in (401, 403):
                raise ArchiveError(f"{base}: refuses our token (status {response.status_code})")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ArchiveError(f"{base}: compresses its answer, which was not asked for")
            content = _read(response, base, most)
            return HttpResponse(
                response.status_code, response.headers.get("Content-Type", ""), content
            )
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise ArchiveError(f"{base}: does not answer ({type(error).__name__})") from error


def _read(response: httpx.Response, base: str, most: int) -> bytes:
    end = monotonic() + ANSWER_SECONDS
    parts, size = [], 0
    for part in response.iter_raw():
        size += len(part)
        if size > most:
            raise ArchiveError(f"{base}: the answer is larger than {most:,} bytes")
        if monotonic() > end:
            raise ArchiveError(f"{base}: the answer takes longer than {ANSWER_SECONDS:.0f} s")
        parts.append(part)
    return b"".join(parts)


class _CheckedTransport(httpx.BaseTransport):
    """Resolves a host once, checks its addresses and connects to these, whatever DNS says then."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        extensions = {**request.extensions, "sni_hostname": host}
        refusal: httpx.ConnectError | httpx.ConnectTimeout | None = None
        for address in allowed_addresses(host):
            at_address = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions=extensions,
            )
            try:
                return self._inner.handle_request(at_address)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                refusal = error
        raise refusal or httpx.ConnectError("no address")

    def close(self) -> None:
        self._inner.close()


def allowed_addresses(host: str) -> list[str]:
    """The addresses of a host.

    Raises:
        ArchiveError: it has none, or one that no archive has: link-local, of a cloud's metadata
            service, of a group or of no host.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ArchiveError(f"{host}: no such host is known") from error
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    for address in addresses:
        if _is_forbidden(ip_address(address)):
            raise ArchiveError(f"{host}: {address} is no address of an archive and is not asked")
    return addresses


def _is_forbidden(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_forbidden(inner)
    return any(address in network for network in _FORBIDDEN)
