# python -m pytest tests/test_web.py
"""URLs of strangers: where they may lead, how long and how much, and what messages say of them."""

import io
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from asr.core.errors import InputError
from asr.core.urls import hide_secrets
from asr.sources.addresses import is_public
from asr.sources.web import download_url
from tests.web_server import serving

serves = pytest.mark.integration


def get(url, **options):
    file = io.BytesIO()
    status = download_url(url, file, **({"allow_private": True} | options))
    return status, file.getvalue()


def refused(url, **options):
    with pytest.raises(InputError) as caught:
        get(url, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0",
        "fd00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::",
        "64:ff9b::169.254.169.254",
    ],
)  # fmt: skip
def test_addresses_of_no_public_host(address):
    assert not is_public(address)


def test_addresses_of_public_hosts():
    addresses = ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
    assert all(map(is_public, addresses))


@serves
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "[::1]"])
def test_a_name_of_this_machine_is_never_asked(host):
    asked = []
    with serving(lambda path: asked.append(path) or b"secret") as url:
        port = url.rpartition(":")[2]
        message = refused(f"http://{host}:{port}/a", allow_private=False)
    assert "expected a public address, got " in message
    assert "allow_private: true" in message
    assert asked == []


@serves
def test_a_redirect_is_checked_too():
    """The first host is allowed; the one that it names is not."""
    asked = []
    with serving(lambda path: asked.append(path) or b"secret", host="127.0.0.2") as inside:
        moved = (302, {"Location": f"{inside}/a?token=secret"}, b"")
        with serving(lambda path: moved) as url:
            message = refused(f"{url}/b", allow_private=False, own_host="127.0.0.1")
            assert get(f"{url}/b") == (200, b"secret")
    assert message.startswith(f"{inside}/a: could not be downloaded: expected a public address")
    assert asked == ["/a?token=secret"]


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    """A name that is public when it is checked and this machine's when asked again."""
    answers = iter(["8.8.8.8", "127.0.0.1"])
    resolve = socket.getaddrinfo
    connected = []

    def rebinding(host, *rest, **options):
        if host == "rebinding.example":
            host = next(answers)
        return resolve(host, *rest, **options)

    def connect(address, *_):
        connected.append(rebinding(address[0], address[1])[0][4][0])
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(socket, "create_connection", connect)
    assert "no network in tests" in refused("http://rebinding.example/a", allow_private=False)
    assert connected == ["8.8.8.8"]


@serves
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/a",
        "data:,a",
        "s3://me:secret@a/b",
        "//a/b",
        "",
        "http://",
    ],
)
def test_other_schemes(url):
    message = "a URL: could not be downloaded: expected http://… or https://…, got another scheme"
    assert refused(url) == message
    if url[:1].isalpha() and url != "http://":  # the others are relative to the address itself
        with serving(lambda path: (302, {"Location": url}, b"")) as moved:
            assert refused(moved) == message


@serves
def test_circles_end():
    with serving(lambda path: (302, {"Location": "/"}, b"")) as url:
        assert "more than 5 redirects" in refused(url)


@serves
def test_a_size_limit_by_declaration_and_by_count():
    with serving(lambda path: bytes(1001)) as url:
        assert "expected at most 1000 bytes (fetch.max_file_mb), got 1001" in refused(
            url, max_bytes=1000
        )
        assert get(url, max_bytes=1001) == (200, bytes(1001))
    with raw_server(b"HTTP/1.1 200 OK\r\n\r\n", bytes(2000)) as url:
        assert "expected at most 1000 bytes" in refused(url, max_bytes=1000)


@serves
@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: "])
def test_a_server_that_sends_a_byte_now_and_then_meets_the_time_limit(head):
    with raw_server(head, *[b"x"] * 200, pause_s=0.05) as url:
        start = time.monotonic()
        assert "could not be downloaded: more than 0.3 s" in refused(url, max_s=0.3)
        assert time.monotonic() - start < 5


@serves
def test_an_answer_that_ends_early_is_no_file():
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"half") as url:
        assert "it ended after 4 of 10 bytes" in refused(url)


@serves
def test_user_info_is_sent_and_never_said():
    seen = []
    answer = b"HTTP/1.1 403 bad token=secret\r\nContent-Length: 0\r\n\r\n"
    with raw_server(answer, seen=seen) as url:
        address = url.replace("//", "//me:pass%20word@") + "/a b?token=secret&x=ж#secret"
        assert get(address) == (403, b"")
    assert b"GET /a%20b?token=secret&x=%D0%B6 HTTP/1.1" in seen[0]
    assert b"Authorization: Basic bWU6cGFzcyB3b3Jk" in seen[0]  # me:pass word
    for faulty in (
        address.replace("127.0.0.1", "127.0.0.2"),
        address.replace("http:", "secret:"),
        "http://me:pa?ss:secret@127.0.0.1/",
        "http://me:secret@127.0.0.1:secret/",
        "http://me:secret@[::1/",
        f"http://me:secret@{'a' * 70}.example/?secret",
    ):
        message = refused(faulty)
        assert not any(piece in message for piece in ("secret", "pass", "me:", "me@"))
    with raw_server(b"token=secret is no HTTP\r\n\r\n") as url:
        assert refused(url).endswith("could not be downloaded: BadStatusLine")


@serves
def test_a_proxy_is_asked_for_the_checked_address(monkeypatch):
    seen = []
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with raw_server(answer, seen=seen) as proxy:
        monkeypatch.setenv("http_proxy", proxy.replace("//", "//me:pw@"))
        monkeypatch.setenv("no_proxy", "")
        assert get("http://8.8.8.8/a", allow_private=False) == (200, b"ok")
        assert "expected a public address" in refused("http://127.0.0.1:1/a", allow_private=False)
    (request,) = seen
    assert request.startswith(b"GET http://8.8.8.8:80/a HTTP/1.1\r\n")
    assert b"Host: 8.8.8.8\r\n" in request
    assert b"Proxy-Authorization: Basic bWU6cHc=" in request


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.org/b", "https://a.org/b"),
        ("see https://me:p@w@a.org:1/b/c.tar?k=v&l=w#m now", "see https://a.org:1/b/c.tar now"),
        ("hf://datasets/me/clips@c0de/a.wav", "hf://datasets/me/clips@c0de/a.wav"),
        ("Max retries exceeded with url: /a/b?token=c (refused)",
         "Max retries exceeded with url: /a/b (refused)"),
        ("what? a=b", "what? a=b"),
    ],
)  # fmt: skip
def test_secrets_in_text(text, shown):
    assert hide_secrets(text) == shown


@contextmanager
def raw_server(*parts, pause_s=0.0, seen=None):
    """Answers each connection with these bytes, then closes it."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:  # closed
                return
            with connection:
                request = connection.recv(1 << 16)
                if seen is not None:
                    seen.append(request)
                try:
                    for part in parts:
                        connection.sendall(part)
                        time.sleep(pause_s)
                except OSError:
                    continue

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
