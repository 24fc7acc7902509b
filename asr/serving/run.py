"""Run the app under uvicorn."""

import math
import socket

import uvicorn
from fastapi import FastAPI

from asr.core.params import load_params
from asr.preparation.params import PrepareParams
from asr.serving.app import create_app
from asr.serving.connections import protocol
from asr.serving.keys import load_keys
from asr.serving.logs import log, log_to_stdout
from asr.serving.metrics import Metrics
from asr.serving.models import find_models
from asr.serving.params import ServeParams
from asr.serving.service import Service


def build_app(params: ServeParams) -> FastAPI:
    """The app with all that it needs; its models load when it starts.

    Raises:
        InputError: if params, models or keys are not as they should be.
    """
    keys = load_keys(params.server)
    prepare = load_params("prepare", PrepareParams)
    service = Service(params, find_models(params.models), prepare, Metrics())
    return create_app(service, keys)


def run(params: ServeParams) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that run get their answers first.

    Raises:
        InputError: as ``build_app``.
        OSError: if the port is taken.
    """
    log_to_stdout()
    with _listening(params) as listening:
        app = build_app(params)
        host, port = listening.getsockname()[:2]
        values = {"event": "start", "request_id": None, "url": f"http://{host}:{port}",
                  "models": list(app.state.service.found)}  # fmt: skip
        log.info("start", extra={"values": values})
        server(app, params).run(sockets=[listening])


def server(app: FastAPI, params: ServeParams) -> uvicorn.Server:
    """uvicorn, without a log of its own: its lines would have queries and addresses."""
    config = uvicorn.Config(
        app, http=protocol(params.limits), ws="none", log_config=None, access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(params.limits.max_total_s),
    )  # fmt: skip
    return uvicorn.Server(config)


def _listening(params: ServeParams) -> socket.socket:
    host = params.server.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, params.server.port), family=family)
