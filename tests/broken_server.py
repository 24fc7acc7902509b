"""An https server on this machine that gives one file, and whose answers break as planned."""

import http.server
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Broken:
    """A file and what becomes of the next requests for it.

    Attributes:
        content: of the file.
        plan: a status; or how many bytes are sent before the connection ends. After the plan,
            answers are whole.
        has_ranges: whether it sends parts of the file.
        asked: the first byte that each request asked for.
        url: of the file.
    """

    content: bytes
    plan: list[int] = field(default_factory=list)
    has_ranges: bool = True
    asked: list[int] = field(default_factory=list)
    url: str = ""


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    paths = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-out", str(paths[0]), "-keyout", str(paths[1])],
        check=True, capture_output=True,
    )  # fmt: skip
    return paths


@contextmanager
def broken_server(broken: Broken, folder: Path) -> Iterator[Broken]:
    """Serve the file; clients trust the certificate in ``folder`` by ``SSL_CERT_FILE``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            first = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
            broken.asked.append(first)
            step = broken.plan.pop(0) if broken.plan else len(broken.content)
            if 400 <= step < 600:
                self.send_response(step)
                self.end_headers()
                return
            first = first if broken.has_ranges else 0
            body = broken.content[first:]
            self.send_response(206 if first else 200)
            if first:
                size = len(broken.content)
                self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):  # a client that wanted the size alone is gone
                self.wfile.write(body[:step])

        def log_message(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        broken.url = f"https://127.0.0.1:{server.server_port}/all.tar.gz"
        yield broken
        server.shutdown()
