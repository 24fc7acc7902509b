"""A server that answers as Label Studio's API does, for one project."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "0123456789abcdef"


@dataclass
class Project:
    """What the server has.

    Attributes:
        tasks: as the API lists them.
        uploads: audio by path.
        faults: statuses of the next answers.
        requests: method and path of each request.
    """

    tasks: list[dict[str, Any]]
    uploads: dict[str, bytes]
    faults: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        self.requests.append(f"{method} {path}")
        if self.faults:
            return self.faults.pop(0), b""
        if path == "/api/token/refresh":
            return 200, json.dumps({"access": f"access-{TOKEN}"}).encode()
        if headers["Authorization"] not in (f"Token {TOKEN}", f"Bearer access-{TOKEN}"):
            return 401, b""
        if path == "/api/tasks" and query["project"] == ["1"]:
            page, size = int(query["page"][0]), int(query["page_size"][0])
            some = self.tasks[(page - 1) * size : page * size]
            return 200, json.dumps({"tasks": some, "total": len(self.tasks)}).encode()
        if path == "/api/projects/1/import/predictions":
            for one in json.loads(body):
                number = one.pop("task")
                (task,) = [task for task in self.tasks if task["id"] == number]
                task["predictions"].append({"id": len(self.requests), **one})
            return 201, b"{}"
        return (200, self.uploads[path]) if path in self.uploads else (404, b"")


@contextmanager
def label_studio(tasks: list[dict[str, Any]], uploads: dict[str, bytes]) -> Iterator[Project]:
    """Serve a project."""
    project = Project(tasks, uploads)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = project.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        project.address = f"http://127.0.0.1:{server.server_port}"
        yield project
        server.shutdown()
