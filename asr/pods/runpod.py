"""RunPod, by its REST API v2: create or resume a pod, wait until SSH answers, stop it.

The pod's own start command watches for idleness, so that a pod stops even if this machine is gone.
"""

import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from asr.core.errors import InputError
from asr.pods.console import Console
from asr.pods.settings import Settings
from asr.pods.ssh import FILES, Box, ssh_words
from asr.pods.work import Run

API = "https://api.runpod.io/v2"
IMAGE = "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404"  # has sshd, tmux, git and runpodctl
VOLUME = "/workspace"
POLL_S = 5.0
STOP_POD = 'runpodctl pod stop "$RUNPOD_POD_ID" || runpodctl stop pod "$RUNPOD_POD_ID"'
# The image's own start script starts sshd. idle.sh stops the pod when the file appears.
START = "bash -c 'bash -c \"$IDLE\" & exec /start.sh'"
STOP_FILE = "/tmp/stop-pod"

Pod = dict[str, Any]


class RunPod:
    """One pod, that of POD_ID."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings, self._console, self._api = settings, console, API
        self._key = settings["RUNPOD_API_KEY"]
        self._workdir = settings.get("WORKDIR", f"{VOLUME}/mothertongue")

    def up(self) -> None:
        """Create the pod or resume it, and wait until SSH answers."""
        self._running_box()

    def train(self, run: Run) -> None:
        """Bring the pod up and start the run, which stops the pod when it succeeds."""
        variables = {**run.variables, "STOP_COMMAND": f"touch {STOP_FILE}"}
        self._running_box().train(Run(variables, run.credentials, run.bundle))

    def tail(self) -> None:
        """Print the log as it grows."""
        self._box().tail()

    def attach(self) -> None:
        """Open the run's terminal."""
        self._box().attach()

    def tensorboard(self) -> None:
        """Forward TensorBoard's port."""
        self._box().tensorboard()

    def stop(self) -> None:
        """Let training save its state, then stop the pod."""
        pod = self._pod()
        if pod is None or "stop" not in pod["actions"]:
            print(f"pod {self._settings.get('POD_ID')} is {pod['status'] if pod else 'gone'}")
            return
        try:
            self._box(pod).stop()
        except InputError as error:
            print(f"the run there could not be asked to save: {error}")
        self._action(pod["id"], "stop")
        print("stopped: pod up resumes it; until then only its disk and volume cost")

    def cost(self) -> None:
        """Print what the pod costs now, and since it was started."""
        pod = self._existing_pod()
        print(f"pod {pod['id']} is {pod['status']}: {pod['cost']:.2f} USD/h, without its disks")
        if pod["cost"] and pod["startedAt"]:
            started = datetime.fromisoformat(pod["startedAt"])
            hours = (datetime.now(UTC) - started).total_seconds() / 3600
            print(f"since {started:%Y-%m-%d %H:%M} UTC: {hours * pod['cost']:.2f} USD")

    def _running_box(self) -> Box:
        pod = self._pod()
        if pod is None:
            pod = self._create()
        elif pod["status"] in ("EXITED", "ERROR"):
            self._console.ask(f"resume pod {pod['id']}, {self._price()}?")
            pod = self._action(pod["id"], "start")
        return self._reachable(pod["id"])

    def _create(self) -> Pod:
        settings = self._settings
        name = settings.get("POD_NAME", "mothertongue")
        same = [pod["id"] for pod in self._request("GET", "/pods")["pods"] if pod["name"] == name]
        if same:
            raise InputError(
                f"POD_NAME {name} is taken by pod {same[0]}: set POD_ID={same[0]} in "
                f"{settings.path} to use it, or choose another name"
            )
        public = Path(settings["SSH_KEY_PATH"] + ".pub").expanduser()
        if not public.exists():
            raise InputError(f"SSH_KEY_PATH: {public} does not exist: ssh-keygen -t ed25519")
        body = {
            "name": name,
            "image": settings.get("IMAGE", IMAGE),
            "gpu": {"id": settings["GPU_TYPE"], "count": int(settings.get("GPU_COUNT", "1"))},
            "disk": 50,
            "ports": ["22/tcp"],
            "startSsh": True,
            "args": START,
            "env": {
                "PUBLIC_KEY": public.read_text().strip(),
                "IDLE": (FILES / "idle.sh").read_text(),
                "IDLE_MINUTES": settings.get("IDLE_MINUTES", "30"),
                "WORKDIR": self._workdir,
                "STOP_COMMAND": STOP_POD,
                "STOP_FILE": STOP_FILE,
            },
        }
        if volume := settings.get("NETWORK_VOLUME_ID"):
            body["mounts"] = {"network": [{"volumeId": volume, "path": VOLUME}]}
        else:
            print("no NETWORK_VOLUME_ID: data and checkpoints end with the pod, but for MIRROR")
        self._console.ask(f"create pod {name}, {self._price()}?")
        pod: Pod = self._request("POST", "/pods", body)
        settings.write("POD_ID", pod["id"])
        return pod

    def _price(self) -> str:
        gpu, count = self._settings["GPU_TYPE"], int(self._settings.get("GPU_COUNT", "1"))
        found = self._request("GET", f"/catalog/gpus/{quote(gpu, safe='')}")
        return f"{count} x {gpu}, {count * found['price']['secure']:.2f} USD/h"

    def _reachable(self, pod_id: str) -> Box:
        """Wait until SSH answers; a pod that does not come up is stopped again."""
        minutes = float(self._settings.get("WAIT_MINUTES", "15"))
        deadline = time.monotonic() + minutes * 60
        while True:
            pod = self._existing_pod()
            if pod["ssh"]["direct"] and pod["status"] == "RUNNING":
                box = self._box(pod)
                if self._console.succeeds(*box.words, "command -v tmux || apt-get install -y tmux"):
                    return box
            if pod["status"] in ("ERROR", "TERMINATED") or time.monotonic() > deadline:
                break
            print(f"pod {pod_id} is {pod['status']}", flush=True)
            time.sleep(POLL_S)
        if "stop" in pod["actions"]:
            self._action(pod_id, "stop")
        raise InputError(
            f"pod {pod_id} did not come up in {minutes:g} minutes, its last status is "
            f"{pod['status']}; it is stopped. Try again, or empty POD_ID and take another GPU_TYPE"
        )

    def _box(self, pod: Pod | None = None) -> Box:
        pod = pod or self._existing_pod()
        direct = pod["ssh"]["direct"]
        if not direct:
            raise InputError(f"pod {pod['id']} is {pod['status']}: pod up")
        # Another pod may have had this address before, with another host key.
        known = Path(".dvc/tmp") / f"known_hosts-{pod['id']}"
        known.parent.mkdir(parents=True, exist_ok=True)
        host = f"{direct['username']}@{direct['host']}"
        key = self._settings["SSH_KEY_PATH"]
        accept = "StrictHostKeyChecking=accept-new"
        words = ssh_words(
            host, str(direct["port"]), key, "-o", f"UserKnownHostsFile={known}", "-o", accept
        )
        return Box(words, self._workdir, self._console)

    def _pod(self) -> Pod | None:
        """The pod of POD_ID, or None if there is none or it is gone."""
        if not (pod_id := self._settings.get("POD_ID")):
            return None
        pod: Pod | None = self._request("GET", f"/pods/{pod_id}", missing=None)
        return None if pod is None or pod["status"] == "TERMINATED" else pod

    def _existing_pod(self) -> Pod:
        if (pod := self._pod()) is None:
            raise InputError(f"pod {self._settings['POD_ID']} is gone: pod up creates another")
        return pod

    def _action(self, pod_id: str, action: str) -> Pod:
        pod: Pod = self._request("POST", f"/pods/{pod_id}/action", {"action": action})
        return pod

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None = None, **missing: None
    ) -> Any:
        """RunPod's answer; ``missing=None`` for None where there is no such thing."""
        import httpx2

        if method != "GET":
            print(f"$ {method} {self._api}{path} {(body or {}).get('action', '')}", flush=True)
        ask = partial(httpx2.request, timeout=60, json=body)
        try:
            answer = ask(method, self._api + path, headers={"Authorization": f"Bearer {self._key}"})
        except httpx2.HTTPError as error:
            raise InputError(f"{self._api}{path}: {type(error).__name__}: {error}") from error
        if answer.status_code == 404 and missing:
            return None
        if answer.is_error:
            raise InputError(f"RunPod: {method} {path}: {answer.status_code} {_detail(answer)}")
        return answer.json()


def _detail(answer: Any) -> str:
    """Why RunPod refused, as RFC 9457 has it."""
    if answer.status_code == 401:
        return "RUNPOD_API_KEY was refused"
    try:
        problem = answer.json()
        return " ".join([problem["detail"], *problem.get("errors", ())])
    except (ValueError, KeyError, TypeError):
        return str(answer.text)[:200]
