"""A server on this machine that takes uploads as the Hugging Face hub does, for models.

It speaks what ``huggingface_hub`` 2.4 sends without Xet: create, preupload, LFS, commit, tag.
"""

import base64
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

import yaml

TOKEN = "hf_theTokenOfTheseTests"
LARGE = re.compile(r".*\.(bin|safetensors)")  # as the hub's .gitattributes has it


@dataclass
class Repo:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, dict[str, bytes]] = field(default_factory=dict)  # files at the tag
    num_commits: int = 0

    @property
    def sha(self) -> str:
        return f"{self.num_commits:040x}"


@dataclass
class HubState:
    """What the server holds, and what it was asked.

    ``uploads_left``: so many large files are taken, then all fail; None: all are taken.
    """

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)  # request, Authorization header
    uploads_left: int | None = None


@contextmanager
def hub_commit_server() -> Iterator[HubState]:
    state = HubState()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(b"")

        def do_POST(self):
            self.answer(self.rfile.read(int(self.headers["Content-Length"] or 0)))

        do_PUT = do_POST  # noqa: N815

        def answer(self, body):
            path, _, _ = unquote(self.path).partition("?")
            state.asked.append(f"{self.command} {path}")
            token = self.headers.get("Authorization", "")
            state.tokens.append((state.asked[-1], token))
            if not path.startswith("/storage/") and token != f"Bearer {TOKEN}":
                return self.send(401, {"error": "Invalid username or password."})
            return self.send(*respond(state, self.command, path, body))

        def send(self, status, content, code=None):
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if code:
                self.send_header("X-Error-Code", code)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield state
        server.shutdown()


def respond(state, method, path, body):
    """Status, content and perhaps the hub's error code."""
    if path == "/api/repos/create":
        return created(state, json.loads(body))
    if path == "/api/validate-yaml":
        return validated(json.loads(body)["content"])
    if method == "PUT":
        return stored(state, path.rpartition("/")[2], body)
    if match := re.fullmatch(r"/([\w.-]+/[\w.-]+)\.git/info/lfs/objects/batch", path):
        return 200, batch(state, json.loads(body)["objects"])
    match = re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)(?:/(\w+)(?:/(\w+))?)?", path)
    if match is None:
        return 404, {"error": f"unknown path {path}"}
    name, what, _ = match.groups()
    if name not in state.repos:
        return 404, {"error": "Repository not found"}, "RepoNotFound"
    return of_repo(state, state.repos[name], name, what, body)


def of_repo(state, repo, name, what, body):
    match what:
        case None | "revision":
            return 200, {"id": name, "sha": repo.sha, "private": repo.private, "siblings": []}
        case "refs":
            tags = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": repo.sha}
                    for tag in repo.tags]  # fmt: skip
            return 200, {"branches": [], "converts": [], "tags": tags}
        case "tree":
            return 200, [{"type": "file", "path": path, "size": len(content), "oid": "0"}
                         for path, content in repo.files.items()]  # fmt: skip
        case "preupload":
            return 200, {"files": [
                {"path": one["path"], "shouldIgnore": False,
                 "uploadMode": "lfs" if LARGE.fullmatch(one["path"]) else "regular",
                 "oid": oid(one["path"], repo.files.get(one["path"]))}
                for one in json.loads(body)["files"]
            ]}  # fmt: skip
        case "commit":
            commit(state, repo, [json.loads(line) for line in body.splitlines()])
            return 200, {"commitUrl": f"{state.url}/{name}/commit/{repo.sha}",
                         "commitOid": repo.sha}  # fmt: skip
        case "tag":
            tag = json.loads(body)["tag"]
            if tag in repo.tags:
                return 409, {"error": "tag exists"}
            repo.tags[tag] = dict(repo.files)
            return 200, {}
    return 404, {"error": f"unknown call {what}"}


def created(state, wanted):
    name = f"{wanted['organization']}/{wanted['name']}"
    answer = {"url": f"{state.url}/{name}"}
    if name in state.repos:
        return 409, answer
    state.repos[name] = Repo(private=wanted.get("visibility") == "private")
    return 200, answer


def validated(card):
    front = re.match(r"---\n(.*?)\n---\n", card, flags=re.DOTALL)
    try:
        content = yaml.safe_load(front[1])
        if not isinstance(content, dict) or not isinstance(content.get("license"), str):
            raise ValueError("license: expected an identifier")
    except (ValueError, yaml.YAMLError) as error:
        return 400, {"errors": [{"message": str(error)}], "warnings": []}
    return 200, {"errors": [], "warnings": []}


def batch(state, objects):
    def one(wanted):
        answer = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] not in state.large:
            href = f"{state.url}/storage/{wanted['oid']}"
            answer["actions"] = {"upload": {"href": href, "header": {}}}
        return answer

    return {"transfer": "basic", "objects": [one(wanted) for wanted in objects]}


def stored(state, sha256, body):
    if state.uploads_left is not None:
        if not state.uploads_left:
            return 403, {"error": "no more uploads"}
        state.uploads_left -= 1
    if hashlib.sha256(body).hexdigest() != sha256:
        return 400, {"error": "wrong hash"}
    state.large[sha256] = body
    return 200, {}


def commit(state, repo, lines):
    for line in lines[1:]:
        value = line["value"]
        match line["key"]:
            case "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            case "lfsFile":
                repo.files[value["path"]] = state.large[value["oid"]]
            case "deletedFile":
                del repo.files[value["path"]]
    repo.num_commits += 1


def oid(path, content):
    """As Git LFS and Git name a content."""
    if content is None:
        return None
    if LARGE.fullmatch(path):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
