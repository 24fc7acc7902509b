"""A stand-in for RunPod's REST API v2 on loopback, with paths, fields and errors of its OpenAPI."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

KEY = "rpa_key"
FIELDS = {
    "name", "image", "gpu", "disk", "ports", "startSsh", "args", "env", "mounts", "cloud",
    "dataCenterIds", "templateId", "registry", "startJupyter", "globalNetworking", "cpu",
}  # fmt: skip
ACTIONS = {
    "PROVISIONING": ["stop", "terminate"], "STARTING": ["stop", "terminate"],
    "RUNNING": ["stop", "restart", "terminate"], "EXITED": ["start", "terminate"],
    "ERROR": ["start", "terminate"],
}  # fmt: skip


@dataclass
class RunPodServer:
    """What it has, and what it was asked."""

    url: str = ""
    ssh: dict[str, Any] = field(default_factory=dict)  # host, port, username of a running pod
    polls_until_up: int = 2  # requests for a pod while it starts
    fails_to_start: str = ""  # why a stopped pod can't be started
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # all that is no GET

    def create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if unknown := body.keys() - FIELDS:
            return _problem(422, f"additional properties {sorted(unknown)} not allowed")
        if "image" not in body or ("gpu" in body) == ("cpu" in body):
            return _problem(400, "exactly one of gpu or cpu must be set")
        pod = {
            "id": f"7h9k2m4n6{len(self.pods)}", "registry": None, "mounts": {}, "cloud": "SECURE",
            "dataCenterId": "US-KS-2", "cudaVersion": "12.8", "template": None, "locked": False,
            "globalNetworking": {"enabled": False}, "createdAt": "2026-06-01T12:00:00Z",
            **{key: value for key, value in body.items() if key != "startSsh"},
        }  # fmt: skip
        self.pods[pod["id"]] = pod
        self.boot(pod)
        return 201, pod

    def boot(self, pod: dict[str, Any]) -> None:
        pod |= {"status": "PROVISIONING", "polls": 0, "cost": 0.44, "startedAt": None,
                "runtime": {}, "ssh": {"proxy": None, "direct": None}}  # fmt: skip
        pod["actions"] = ACTIONS[pod["status"]]

    def get(self, pod: dict[str, Any]) -> dict[str, Any]:
        if pod["status"] in ("PROVISIONING", "STARTING"):
            pod["polls"] += 1
            up = pod["polls"] > self.polls_until_up
            pod["status"] = "RUNNING" if up else "STARTING"
            if up:
                direct = {**self.ssh, "command": "ssh ..."}
                pod |= {"ssh": {"proxy": None, "direct": direct},
                        "startedAt": "2026-06-01T12:02:00Z"}  # fmt: skip
        pod["actions"] = ACTIONS[pod["status"]]
        return pod

    def act(self, pod: dict[str, Any], action: str) -> tuple[int, dict[str, Any]]:
        if action not in ACTIONS[pod["status"]]:
            return _problem(409, f"{action} is not valid for {pod['status']}")
        if action == "start":
            if self.fails_to_start:
                return _problem(400, self.fails_to_start)
            self.boot(pod)
        else:
            stopped = {"proxy": None, "direct": None}
            pod |= {"status": "EXITED", "cost": 0.0, "ssh": stopped, "actions": ACTIONS["EXITED"]}
        return 200, pod

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match path.strip("/").split("/"):
            case ["v2", "catalog", "gpus", name]:
                price = {"secure": 0.44, "community": 0.31}
                return 200, {"id": unquote(name), "name": "RTX 4090", "memory": 24, "price": price}
            case ["v2", "pods"] if method == "GET":
                return 200, {"pods": list(self.pods.values())}
            case ["v2", "pods"]:
                return self.create(body)
            case ["v2", "pods", name, *rest] if name in self.pods:
                pod = self.pods[name]
                return self.act(pod, body["action"]) if rest else (200, self.get(pod))
        return _problem(404, "pod not found")


def _problem(status: int, detail: str) -> tuple[int, dict[str, Any]]:
    return status, {"title": "No", "status": status, "detail": detail}


@contextmanager
def runpod_server() -> Iterator[RunPodServer]:
    """Run it in a thread for the time of the block."""
    state = RunPodServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or "{}")
            if self.command != "GET":
                state.asked.append(f"{self.command} {self.path} {body.get('action', '')}".strip())
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                status, given = _problem(401, "missing bearer token")
            else:
                status, given = state.answer(self.command, self.path, body)
            content = json.dumps(given).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        state.url = f"http://127.0.0.1:{server.server_port}/v2"
        yield state
        server.shutdown()
