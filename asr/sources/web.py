"""Download over http and https, from public addresses alone unless a source allows others.

A table of rows comes from strangers. A URL in it, or a redirect, could point to a service of this
machine or of its network. So each name is resolved once, its addresses are checked, and the
connection goes to a checked address: a second answer of DNS can't lead elsewhere.
"""

import base64
import io
import math
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import BinaryIO
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from asr.core.errors import InputError
from asr.core.files import DISK_IS_FULL
from asr.core.urls import hide_secrets
from asr.sources.addresses import is_public
from asr.sources.params import FetchParams

TIMEOUT_S = 60.0  # without a byte from the server
MAX_REDIRECTS = 5
PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)


class DownloadError(InputError):
    """A download that broke on its way, so that another try may succeed."""


def download_url(
    url: str,
    file: BinaryIO,
    *,
    allow_private: bool,
    own_host: str | None = None,
    max_bytes: float = math.inf,
    max_s: float = math.inf,
    start: int = 0,
) -> int:
    """Write what a URL gives to ``file`` and return the last status; nothing unless it is 200.

    Args:
        url: may have user info, which is sent as HTTP's basic authentication.
        file: open for writing, at its end.
        allow_private: whether addresses that are not public may be asked.
        own_host: a host that may have any address, because the user named it.
        max_bytes: of the answer.
        max_s: seconds in total, redirects included.
        start: bytes that ``file`` already has. Only the rest is asked for; a server that sends no
            parts sends all of it again. The status is 200 in both cases.

    Raises:
        DownloadError: if the server can't be reached, or the answer is incomplete.
        InputError: for another scheme, a private address, too many redirects, or an answer beyond
            a limit. No message has user info or a query.
    """
    with _answer(url, allow_private, own_host, max_s, start) as response:
        status = response.status
        if status == HTTPStatus.PARTIAL_CONTENT and start:
            _check_range(response, start)
            _copy(response, file, max_bytes - start)
            return HTTPStatus.OK
        if status == HTTPStatus.OK:
            if start:
                file.seek(0)
                file.truncate()
            _copy(response, file, max_bytes)
        return status


def url_size(url: str, *, allow_private: bool, own_host: str | None = None) -> int | None:
    """The size that a server states, in bytes, or None; raises what ``download_url`` raises."""
    with _answer(url, allow_private, own_host, math.inf, 0) as response:
        stated = response.getheader("Content-Length")
        if response.status != HTTPStatus.OK:
            raise InputError(f"{_shown(url)}: could not be downloaded: status {response.status}")
        return None if stated is None else int(stated)


@contextmanager
def _answer(
    url: str, allow_private: bool, own_host: str | None, max_s: float, start: int
) -> Iterator[HTTPResponse]:
    """Ask for a URL and follow redirects; errors of the block are those of the download."""
    deadline = time.monotonic() + max_s
    try:
        for _ in range(MAX_REDIRECTS + 1):
            parts = _split(url)
            private = allow_private or parts.hostname == own_host
            with _get(parts, private, deadline, start) as response:
                location = response.getheader("Location")
                if response.status not in _REDIRECTS or location is None:
                    yield response
                    break
            url = urljoin(url, location)
        else:
            raise InputError(f"more than {MAX_REDIRECTS} redirects")
        if time.monotonic() > deadline:  # an answer without a length ends where it is cut
            raise TimeoutError
    except (InputError, OSError, HTTPException, ValueError) as error:
        why = f"more than {max_s:g} s" if time.monotonic() > deadline else _reason(error)
        full = isinstance(error, OSError) and error.errno in DISK_IS_FULL
        broke = isinstance(error, OSError | HTTPException) and not full
        kind = DownloadError if broke else InputError
        raise kind(f"{_shown(url)}: could not be downloaded: {why}") from None


def download_row(url: str, limits: FetchParams, *, allow_private: bool) -> tuple[int, bytes]:
    """Download a URL that a row names, within the limits of section ``fetch``.

    Returns:
        The last status, and the answer; empty unless the status is 200.

    Raises:
        InputError: see ``download_url``.
    """
    file = io.BytesIO()
    status = download_url(
        url,
        file,
        allow_private=allow_private,
        max_bytes=limits.max_bytes,
        max_s=limits.max_url_s,
    )
    return status, file.getvalue()


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise InputError("expected http://… or https://…, got another scheme")
    return parts


def _shown(url: str) -> str:
    """A URL for a message; of one that can't be parsed, nothing: any part may be a password."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in PORTS and parts.hostname and parts.port != 0:
            port = f":{parts.port}" if parts.port else ""
            return f"{parts.scheme}://{_bracketed(parts.hostname)}{port}{parts.path}"
    return "a URL"


def _reason(error: Exception) -> str:
    """What went wrong. Of a faulty answer only its kind, since a server may repeat the query."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, UnicodeError | HTTPException) or not isinstance(error, OSError):
        return type(error).__name__
    return hide_secrets(str(error)) or type(error).__name__


@contextmanager
def _get(parts: SplitResult, private: bool, deadline: float, start: int) -> Iterator[HTTPResponse]:
    """Ask for a URL, at an address that was checked."""
    host = (parts.hostname or "").encode("idna").decode()
    headers = {"Host": _bracketed(host) + (f":{parts.port}" if parts.port else "")}
    headers |= {"User-Agent": "mothertongue", "Connection": "close"}
    headers |= {"Range": f"bytes={start}-"} if start else {}
    headers |= _basic("Authorization", parts)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    timeout_s = max(0.001, min(TIMEOUT_S, deadline - time.monotonic()))
    connection, prefix, of_proxy = _connected(parts, host, private, timeout_s)
    try:
        with _cut_at(deadline, connection.sock):
            if parts.scheme == "https":
                context = ssl.create_default_context()
                connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
            connection.request("GET", prefix + target, headers=headers | of_proxy)
            with connection.getresponse() as response:
                yield response
    finally:
        connection.close()


def _connected(
    parts: SplitResult, host: str, private: bool, timeout_s: float
) -> tuple[HTTPConnection, str, dict[str, str]]:
    """Connect, through the proxy that the environment names if it names one.

    Returns:
        The connection, not yet encrypted; what a proxy wants before the path, and its headers.
    """
    port = parts.port or PORTS[parts.scheme]
    proxy = "" if proxy_bypass(host) else getproxies().get(parts.scheme, "")
    if not proxy:
        connection = HTTPConnection(host, port)
        connection.sock = _first_open(_addresses(host, port, private), port, timeout_s)
        return connection, "", {}
    # Of a host that may have any address, the proxy may know the name where this machine doesn't.
    there = _bracketed(host if private else _addresses(host, port, private)[0])
    via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    connection = HTTPConnection(via.hostname or "", via.port or 80, timeout=timeout_s)
    of_proxy = _basic("Proxy-Authorization", via)
    if parts.scheme == "https":
        connection.set_tunnel(there, port, of_proxy)
        connection.connect()
        return connection, "", {}
    connection.connect()
    return connection, f"http://{there}:{port}", of_proxy


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _basic(header: str, parts: SplitResult) -> dict[str, str]:
    """HTTP's basic authentication from a URL's user info, if it has any."""
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {header: "Basic " + base64.b64encode(pair.encode()).decode()}


def _addresses(host: str, port: int, private: bool) -> list[str]:
    """The addresses of a name, all of them allowed."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    if not private and (wrong := [one for one in addresses if not is_public(one)]):
        raise InputError(
            f"expected a public address, got {wrong[0]} (a source's block of conf/sources.yaml "
            "may allow it: allow_private: true)"
        )
    return addresses


def _first_open(addresses: list[str], port: int, timeout_s: float) -> socket.socket:
    """Connect to the first of the addresses that answers."""
    for number, address in enumerate(addresses, start=1):
        try:
            return socket.create_connection((address, port), timeout_s)
        except OSError:
            if number == len(addresses):
                raise
    raise OSError("the name has no address")


@contextmanager
def _cut_at(deadline: float, sock: socket.socket) -> Iterator[None]:
    """Cut a connection at a time: a server that sends a byte a minute meets no timeout."""
    if deadline == math.inf:
        yield
        return
    same = sock.dup()  # since TLS takes ``sock`` over

    def cut() -> None:
        with suppress(OSError):  # the server was first
            same.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        same.close()


def _check_range(response: HTTPResponse, start: int) -> None:
    got = response.getheader("Content-Range") or "nothing"
    if not got.startswith(f"bytes {start}-"):
        raise InputError(f"expected the bytes from {start}, got {got:.80}")


def _copy(response: HTTPResponse, file: BinaryIO, max_bytes: float) -> None:
    """Copy an answer; http.client itself does not notice one that ends early."""
    given = None if response.chunked else response.getheader("Content-Length")
    expected = None if given is None else int(given)
    num_bytes = 0
    while num_bytes != expected and (content := response.read1(1 << 16)):
        num_bytes += len(content)
        if max(num_bytes, expected or 0) > max_bytes:
            got = expected or "more"
            raise InputError(f"expected at most {max_bytes} bytes (fetch.max_file_mb), got {got}")
        file.write(content)
    if expected is not None and num_bytes < expected:
        raise OSError(f"it ended after {num_bytes} of {expected} bytes")
