"""Start servers of one model to compare: ours, and those of faster-whisper.

Each gets the setting in which it is fastest here: int8, greedy search, no text before the clip's.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ruamel.yaml import YAML

from asr.core.params import load_params
from asr.devices.params import MachineParams
from benchmarks.in_turn import NO_SPINNING

OURS, PEER, PACKAGE = "ours", "faster-whisper, batched", "faster-whisper-server 0.0.3"
ROUTE = "/v1/audio/transcriptions"
START_S, END_S = 120.0, 20.0
ANY = 1_000_000  # clients are one address here, which would have a rate


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        url: of the route.
        pid: of its process.
    """

    url: str
    pid: int


def names() -> list[str]:
    """The servers that can run here."""
    there = importlib.util.find_spec("faster_whisper_server") is not None
    return [OURS, PEER, *([PACKAGE] if there else [])]


def our_server(tuned: Path, folder: Path, port: int) -> list[str]:
    """The command of ours; ``conf/serve.yaml`` with one model and without a rate."""
    yaml = YAML(typ="safe")
    values = yaml.load(Path("conf/serve.yaml"))
    values["models"] |= {
        "folders": [str(tuned)], "packages": "", "decode": {"precision": "int8", "num_beams": 1}
    }  # fmt: skip
    values["limits"]["requests_per_minute"] = ANY
    params = folder / "serve.yaml"
    yaml.dump(values, params)
    return ["-m", "commands.serve", "--params", str(params), "--port", str(port)]


def peer_server(converted: Path, num_threads: int, num_clients: int, port: int) -> list[str]:
    """The command of ``benchmarks.faster_whisper_app``.

    One client has all threads. More are served by a worker a thread, which never waits for another
    core, in batches as large as the clients fill, up to the 8 that the pipeline has by default.
    """
    num_workers = min(num_threads, num_clients)
    batch = max(1, min(8, num_clients // num_workers))
    options = {"--model": converted, "--port": port, "--threads": num_threads,
               "--workers": num_workers, "--batch": batch}  # fmt: skip
    words = [str(word) for option in options.items() for word in option]
    return ["-m", "benchmarks.faster_whisper_app", *words]


def package_server(converted: Path, num_threads: int, folder: Path, port: int) -> list[str]:
    """The command of the package faster-whisper-server, whose handler decodes one at a time."""
    options = {"beam_size": 1, "temperature": 0.0, "vad_filter": False, "without_timestamps": True}
    model = {
        "name": "whisper-1", "path": str(converted), "batch_size": 8,
        "model_options": {"compute_type": "int8", "device": "cpu", "cpu_threads": num_threads},
        "transcribe_options": options,
    }  # fmt: skip
    config = folder / "faster_whisper_server.yaml"
    YAML(typ="safe").dump({"models": [model]}, config)
    words = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    return ["-m", "faster_whisper_server", *words]


@contextmanager
def started(
    name: str, model: Path, converted: Path, folder: Path, num_clients: int
) -> Iterator[Server]:
    """Run a server for the time of the block.

    Args:
        name: one of ``names``.
        model: a folder of transformers' form.
        converted: the same model in CTranslate2's form.
        folder: for its params and its log.
        num_clients: that will ask at once.

    Raises:
        RuntimeError: if it does not start, with the end of what it wrote.
    """
    port, num_threads = _free_port(), load_params("machine", MachineParams).num_threads
    commands = {
        OURS: lambda: our_server(model, folder, port),
        PEER: lambda: peer_server(converted, num_threads, num_clients, port),
        PACKAGE: lambda: package_server(converted, num_threads, folder, port),
    }
    words = [sys.executable, *commands[name]()]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = _popen(words, output)
        try:
            path = "/health" if name == PACKAGE else "/readyz"
            _wait(process, f"http://127.0.0.1:{port}{path}", name, log)
            yield Server(f"http://127.0.0.1:{port}{ROUTE}", process.pid)
        finally:
            _end(process)


def _popen(words: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        words, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **NO_SPINNING}
    )


def end_servers_on_sigterm() -> None:
    """Let SIGTERM end this program as Ctrl-C does, so that its servers end too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _wait(process: subprocess.Popen[bytes], url: str, name: str, log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"{name}: does not start: {log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
