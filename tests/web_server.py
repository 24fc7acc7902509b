"""A server on this machine that answers as a function says, and the limits of fetch."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from asr.sources.params import FetchParams

LIMITS = FetchParams(max_file_mb=2048.0, max_url_s=600.0)
Answer = bytes | tuple[int, dict[str, str], bytes]


@contextmanager
def serving(answer: Callable[..., Answer], host: str = "127.0.0.1") -> Iterator[str]:
    """The server's address; ``answer(path)`` gives the bytes, or status, headers and bytes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            try:
                given = answer(self.path)
            except FileNotFoundError:
                given = (404, {}, b"")
            status, headers, body = given if isinstance(given, tuple) else (200, {}, given)
            self.send_response(status)
            for key, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer((host, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://{host}:{server.server_port}"
        server.shutdown()
