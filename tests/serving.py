"""A real server of tiny models on loopback, in a thread of this process."""

import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
from ruamel.yaml import YAML

from asr.serving.params import ServeParams
from asr.serving.run import build_app, server
from asr.serving.service import Service
from tests.pipeline_repo import wait_for
from tests.tiny_families import ROOT, WHISPER

# Greedy search and short pieces: a file of 7 s has three.
PARAMS = {"num_beams: 5": "num_beams: 1", "  max_duration_s: 30.0": "  max_duration_s: 3.0",
          "  device: auto": "  device: cpu"}  # fmt: skip

# Section `models` for a tiny Whisper, whose random weights would write to the end of any budget.
MODELS = {"language": "be", "decode": {"max_tokens_per_s": 0.5, "min_token_budget": 4}}


@dataclass
class Running:
    """A server that runs."""

    url: str
    service: Service
    server: Any

    def client(self, key: str = "none", **more: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, **more)


def write_repository(folder: Path, models: Mapping[str, Path]) -> None:
    """The files that the server reads, in the current folder or another."""
    params = (ROOT / "params.yaml").read_text()
    for old, new in PARAMS.items():
        assert params.count(old) == 1, old
        params = params.replace(old, new)
    (folder / "params.yaml").write_text(params)
    (folder / "conf").mkdir(exist_ok=True)
    for name in ("models.yaml", "serve.yaml"):
        shutil.copy(ROOT / "conf" / name, folder / "conf")
    for name, model in models.items():
        shutil.copytree(model, folder / "models" / name)


def served_folder(made_once: Any, tmp_path_factory: Any, *names: str) -> Path:
    """A folder to serve, in which the tiny Whisper has all of these names."""
    base = made_once("predict-whisper", lambda f: WHISPER.write_base(f / "model")) / "model"
    folder: Path = tmp_path_factory.mktemp("served")
    write_repository(folder, dict.fromkeys(names, base))
    return folder


def serve_params(**changes: Any) -> ServeParams:
    """``conf/serve.yaml`` with other values, such as ``limits={"max_body_mb": 1.0}``."""
    values = YAML(typ="safe").load(ROOT / "conf" / "serve.yaml")
    for section, own in changes.items():
        values[section] |= own
    return ServeParams.model_validate(values)


@contextmanager
def running(folder: Path, ready: bool = True, **changes: Any) -> Iterator[Running]:
    """Serve the models of a folder for the time of the block; not ready, none has to load."""
    before = Path.cwd()
    os.chdir(folder)
    params = serve_params(**{"server": {"port": 0}, **changes})
    app = build_app(params)
    here = server(app, params)
    here.config.port = 0
    thread = threading.Thread(target=here.run, daemon=True)
    thread.start()
    try:
        wait_for(lambda: here.started and (app.state.service.is_ready or not ready))
        port = here.servers[0].sockets[0].getsockname()[1]
        yield Running(f"http://127.0.0.1:{port}", app.state.service, here)
    finally:
        here.should_exit = True
        thread.join(30)
        os.chdir(before)


class Gate:
    """An engine that decodes only while its gate is open; counts what it was given."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.num_workers, self.device = engine, 1, engine.device
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[float]] = []  # seconds of each clip

    def transcribe(self, waveforms, utterances, context_s, budgets):
        self.batches.append([one.duration_s for one in utterances])
        self.entered.set()
        assert self.open.wait(30)
        return self.engine.transcribe(waveforms, utterances, context_s, budgets)


@contextmanager
def gated(service: Service) -> Iterator[Gate]:
    """Close a gate before the first model's engine."""
    model = service.loaded.find(service.first.name)
    gate = Gate(model.engine)
    model.engine = gate
    try:
        yield gate
    finally:
        gate.open.set()
        wait_for(lambda: not service.batcher.num_waiting)
        model.engine = gate.engine
