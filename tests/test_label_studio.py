# python -m pytest tests/test_label_studio.py    (it installs Label Studio in a folder of its own)
"""The real Label Studio fetches a draft from this server and shows it on a task."""

import os
import secrets
import socket
import subprocess
import sys

import httpx2
import pytest

from tests.examples import tone, wav
from tests.pipeline_repo import wait_for
from tests.serving import MODELS, running, write_repository
from tests.tiny_families import WHISPER

PACKAGE = "label-studio==1.23.2"
LABELS = """<View>
  <Audio name="audio" value="$audio"/>
  <TextArea name="transcription" toName="audio" editable="true" maxSubmissions="1"/>
</View>"""


@pytest.fixture
def program(made_once):
    """Label Studio in its own environment: it needs other versions than we have."""
    if "LABEL_STUDIO_PROGRAM" in os.environ:
        return os.environ["LABEL_STUDIO_PROGRAM"]
    folder = made_once("label-studio", lambda folder: None)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [folder / "bin/pip", "install", "--quiet", "--no-compile", PACKAGE]
    if subprocess.run(install, check=False).returncode:
        pytest.skip(f"{PACKAGE} can't be installed here")
    return str(folder / "bin/label-studio")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_label_studio_shows_our_draft(program, tmp_path, made_once, monkeypatch):
    port, token, password = free_port(), secrets.token_hex(20), secrets.token_hex(8)
    url = f"http://127.0.0.1:{port}"
    env = {**os.environ, "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "data"),
           "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "LABEL_STUDIO_HOST": url,
           # Else it refuses a backend on the same machine.
           "ML_BLOCK_LOCAL_IP": "false", "SSRF_PROTECTION_ENABLED": "false",
           "COLLECT_ANALYTICS": "false", "LATEST_VERSION_CHECK": "false"}  # fmt: skip
    command = [program, "start", "--no-browser", "--port", str(port), "--username", "a@b.example",
               "--password", password, "--user-token", token]  # fmt: skip
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", token)
    model = made_once("predict-whisper", lambda f: WHISPER.write_base(f / "model")) / "model"
    (tmp_path / "served").mkdir()
    write_repository(tmp_path / "served", {"tuned": model})
    with (
        running(tmp_path / "served", models=MODELS, label_studio={"url": url}) as run,
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, env=env, stdout=log, stderr=log) as studio,
        httpx2.Client(
            base_url=url, headers={"Authorization": f"Token {token}"}, timeout=60
        ) as client,
    ):
        try:
            # Its first start makes 500 changes to its database.
            wait_for(lambda: is_up(url) or studio.poll() is not None, 1500)
            project = client.post("/api/projects", json={"title": "Drafts", "label_config": LABELS})
            number = project.raise_for_status().json()["id"]
            clip = {"file": ("clip.wav", wav(tone(0.4)), "audio/wav")}
            client.post(f"/api/projects/{number}/import", files=clip).raise_for_status()
            backend = {"url": run.url, "project": number, "title": "ours"}
            client.post("/api/ml", json=backend).raise_for_status()
            ask = f"/api/dm/actions?id=retrieve_tasks_predictions&project={number}"
            chosen = {"selectedItems": {"all": True, "excluded": []}}
            client.post(ask, json=chosen).raise_for_status()
            (task,) = client.get(f"/api/projects/{number}/tasks").raise_for_status().json()
            found = client.get(f"/api/tasks/{task['id']}").raise_for_status().json()
            (draft,) = found["predictions"]
            audio = {"file": ("clip.wav", wav(tone(0.4)))}
            text = httpx2.post(f"{run.url}/transcribe/file", files=audio).json()["text"]
            assert draft["result"][0]["value"] == {"text": [text]}
            assert draft["model_version"] == "tuned"
        finally:
            studio.terminate()


def is_up(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health").status_code == 200
    except httpx2.HTTPError:
        return False
