"""A server on this machine that answers as the Hugging Face hub does, for one data set."""

import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from urllib.parse import unquote

IN_LFS = (".parquet", ".tar", ".tar.gz", ".wav")
COMMIT = "c0ffee" * 6 + "c0de"


@contextmanager
def hub_server(
    files: dict[str, bytes], before: Callable[[str], None] = lambda path: None
) -> Iterator[tuple[str, list[str]]]:
    """The data set ``me/clips`` at ``COMMIT``; its address, and what was asked for so far.

    ``before`` is called with each path before it is answered, and may change the files.
    """
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer()

        def do_HEAD(self):
            self.answer()

        def do_POST(self):
            words = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
            self.answer(set(words.get("paths", ())))

        def answer(self, paths=None):
            asked.append(self.path)
            before(self.path)
            path, _, query = self.path.partition("?")
            status, headers, body = self.found(unquote(path), "recursive=false" in query, paths)
            self.send_response(status)
            for key, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def found(self, path, direct, paths):
            api = "/api/datasets/me/clips"
            if path.startswith((f"{api}/tree/{COMMIT}", f"{api}/paths-info/{COMMIT}")):
                folder = path.partition(COMMIT)[2].strip("/")
                return 200, {}, json.dumps(listed(files, folder, direct, paths)).encode()
            if path in (api, f"{api}/revision/{COMMIT}"):
                siblings = [{"rfilename": name} for name in files]
                answer = {"id": "me/clips", "sha": COMMIT, "siblings": siblings}
                return 200, {}, json.dumps(answer).encode()
            name = path.removeprefix(f"/datasets/me/clips/resolve/{COMMIT}/")
            if name not in files:
                return 404, {"X-Error-Code": "EntryNotFound"}, b""
            body = files[name]
            headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
            if wanted := self.headers.get("Range"):
                first, last = wanted.removeprefix("bytes=").split("-")
                first, last = int(first), int(last or len(body) - 1)
                headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
                return 206, headers, body[first : last + 1]
            return 200, headers, body

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def large(content):
    """What Git LFS says of a file."""
    sha256 = hashlib.sha256(content).hexdigest()
    return {"oid": sha256, "size": len(content), "pointerSize": 134}


def listed(files, folder, direct, paths):
    """Files and folders below ``folder``, directly or at all; or those of ``paths``."""
    found = [
        {"type": "file", "path": name, "size": len(content), "oid": git_hash(content)}
        | ({"lfs": large(content)} if name.endswith(IN_LFS) else {})
        for name, content in files.items()
    ]
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}
    found += [{"type": "directory", "path": name, "oid": "0"} for name in sorted(folders)]
    if paths is not None:
        return [one for one in found if one["path"] in paths]
    below = [(one, PurePosixPath(one["path"]).parents) for one in found]
    where = PurePosixPath(folder)
    return [one for one, above in below if where in (above[:1] if direct else above)]
