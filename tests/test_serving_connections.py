# python -m pytest tests/test_serving_connections.py
"""Connections that stall, with real sockets: they stop nobody else, and are closed."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx2
import pytest

from tests.examples import tone, wav
from tests.pipeline_repo import wait_for
from tests.serving import MODELS, gated, running, served_folder

pytestmark = pytest.mark.integration
FILES = {"file": ("x.wav", wav(tone(0.4)))}
STALL_S, MAX_CONNECTIONS = 1.5, 210
HALF = b"POST /transcribe/file HTTP/1.1\r\nHost: localhost\r\nX-Half: "
GET = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def run(made_once, tmp_path_factory):
    folder = served_folder(made_once, tmp_path_factory, "tuned")
    limits = {"max_stall_s": STALL_S, "max_connections": MAX_CONNECTIONS}
    with running(folder, models=MODELS, limits=limits) as run:
        yield run


@pytest.fixture
def connect(run):
    host, port = run.url.removeprefix("http://").split(":")
    with ExitStack() as opened:

        def connect(sent, buffer=None):
            client = opened.enter_context(socket.socket())
            if buffer:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            client.connect((host, int(port)))
            client.settimeout(20)
            client.sendall(sent)
            return client

        yield connect
    wait_for(lambda: not run.server.server_state.connections)


def is_closed(client):
    """Wait for the end of what a server sends."""
    try:
        while client.recv(1 << 16):
            pass
    except ConnectionError:
        return True
    return True


def test_200_halves_of_headers_stop_nobody_and_are_closed(run, connect):
    began = time.monotonic()
    clients = [connect(HALF) for _ in range(200)]
    wait_for(lambda: len(run.server.server_state.connections) == 200)
    assert httpx2.post(f"{run.url}/transcribe/file", files=FILES).status_code == 200
    while time.monotonic() < began + STALL_S / 2:
        for client in clients:
            client.sendall(b"x")  # bytes that come one by one gain no time
        time.sleep(0.1)
    assert all(is_closed(client) for client in clients)
    assert time.monotonic() < began + STALL_S + 5


def test_beyond_the_most_connections_the_longest_idle_goes(run, connect):
    first = connect(HALF)
    clients = [connect(b"") for _ in range(MAX_CONNECTIONS)]
    assert is_closed(first)
    assert httpx2.get(f"{run.url}/healthz").status_code == 200
    assert len(run.server.server_state.connections) <= MAX_CONNECTIONS
    assert is_closed(clients[0])


def test_a_connection_with_a_request_is_not_in_the_way(run, connect):
    with gated(run.service) as gate, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(httpx2.post, f"{run.url}/transcribe/file", files=FILES, timeout=30)
        assert gate.entered.wait(20)
        for _ in range(MAX_CONNECTIONS):
            connect(b"")
        time.sleep(1.5 * STALL_S)  # longer than a connection may be without a request
        gate.open.set()
        assert asked.result().status_code == 200


def test_a_client_that_does_not_read_is_closed(run, connect):
    client = connect(GET, buffer=4096)
    client.setblocking(False)
    wait_for(lambda: stuffed(client))
    before = time.monotonic()
    wait_for(lambda: not run.server.server_state.connections, 20)
    assert time.monotonic() < before + STALL_S + 5
    assert not run.server.server_state.tasks


def stuffed(client):
    """Send requests until the server takes no more of them."""
    try:
        while client.send(GET):
            pass
    except BlockingIOError:
        time.sleep(0.2)
    try:
        return not client.send(GET)
    except BlockingIOError:
        return True


@pytest.mark.parametrize("after", [b"", b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\n"])
def test_what_drips_in_after_an_answer_gains_no_time(after, run, connect):
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    client = connect(head + b"\r\n" if after else head + b"Content-Length: 500\r\n\r\n")
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
    client.sendall(after)
    began = time.monotonic()
    with pytest.raises(ConnectionError):
        while time.monotonic() < began + 20:
            client.sendall(b"x")
            time.sleep(0.1)
    assert time.monotonic() < began + STALL_S + 5


def test_a_header_without_end_is_refused(run, connect):
    client = connect(HALF + b"x" * 20_000)
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 400 ")
    client = connect(b"GET /" + b"x" * 100_000)
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 400 ")


def test_a_client_may_ask_again_on_its_connection(run):
    with httpx2.Client() as client:
        for _ in range(3):
            assert client.get(f"{run.url}/healthz").status_code == 200
            time.sleep(STALL_S / 2)
        assert client.post(f"{run.url}/transcribe/file", files=FILES).status_code == 200
