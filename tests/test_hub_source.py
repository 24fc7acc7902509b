# python -m pytest tests/test_hub_source.py
"""The hub's own client against a server on this machine that answers as the hub does."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.sources.corpus_source import load_source, provenance
from asr.sources.hub import Source
from tests.corpus_examples import corpora

COMMIT = "c0ffee" * 6 + "c0de"
FILES = corpora(b"first", b"second")["parquet"] | {"README.md": b"no", "other/a.parquet": b"no"}
SOURCE = Source(
    kind="hub", repo="me/clips", revision=COMMIT, allow=["data/*.parquet"], license="CC0-1.0"
)
FETCH = """
from asr.sources.corpus_source import bring
from asr.sources.hub import Source
from tests.test_hub_source import SOURCE
for name, content in bring(SOURCE, lambda name: name.endswith(".parquet")):
    print(name, len(content))
"""


@pytest.fixture
def hub():
    """The hub's answers for one data set; returns its address and what was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(True)

        def do_HEAD(self):
            self.answer(False)

        def answer(self, with_body):
            asked.append(self.path)
            headers, body, status = {}, b"", 404
            if self.path.startswith(f"/api/datasets/me/clips/revision/{COMMIT}"):
                files = [{"rfilename": name} for name in FILES]
                answer = {"id": "me/clips", "sha": COMMIT, "siblings": files}
                body, status = json.dumps(answer).encode(), 200
            elif self.path.startswith(f"/api/datasets/me/clips/tree/{COMMIT}"):
                tree = [{"type": "file", "path": name, "size": len(content), "oid": "0"}
                        for name, content in FILES.items()]  # fmt: skip
                body, status = json.dumps(tree).encode(), 200
            elif (name := self.path.removeprefix(f"/datasets/me/clips/resolve/{COMMIT}/")) in FILES:
                body, status = FILES[name], 200
                headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
            self.send_response(status)
            for key, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(key, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def fetch(address, cache, **more):
    """Bring the source in a process of its own: the client reads its settings when imported."""
    settings = {"HF_ENDPOINT": address, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1",
                "NO_PROXY": "127.0.0.1"}  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", FETCH], env=os.environ | settings | more,
        capture_output=True, text=True,
        cwd=Path(__file__).parents[1], check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_data_set_is_brought_once_at_its_commit(hub, tmp_path):
    address, asked = hub
    first = fetch(address, tmp_path)
    name = "data/train-00000-of-00001.parquet"
    assert first.stdout == f"{name} {len(FILES[name])}\n", first.stderr
    assert any(path.endswith(name) for path in asked)
    assert not any("README" in path or "other" in path for path in asked)
    assert fetch(address, tmp_path, HF_HUB_OFFLINE="1").stdout == first.stdout  # from the cache


@pytest.mark.slow
def test_no_network_and_no_such_data_set_say_what_to_do(hub, tmp_path):
    address, _ = hub
    # Offline by setting: at a refused connection the client tries again for half a minute.
    for there, settings in ((address, {"HF_HUB_OFFLINE": "1"}), (f"{address}/nothing", {})):
        said = fetch(there, tmp_path, **settings).stderr.splitlines()[-1]
        assert said.startswith(
            f"asr.core.errors.InputError: me/clips@{COMMIT}: could not be brought"
        )
        assert "kind folder" in said


def test_the_block_pins_a_commit(tmp_path):
    path = tmp_path / "sources.yaml"
    block = "mine: {kind: hub, repo: me/clips, revision: %s, allow: ['*'], license: MIT}\n"
    path.write_text(block % COMMIT)
    assert provenance(load_source("mine", path), 1).origin == f"me/clips@{COMMIT}"
    path.write_text(block % "main")
    with pytest.raises(InputError, match=r"sources\.yaml: mine\.hub\.revision: .*got 'main'"):
        load_source("mine", path)
