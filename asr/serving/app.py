"""The routes; what they do is in the other files of this room."""

import base64
import binascii
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, File, Form, Query, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from asr.serving import corrections, label_studio, openai, page
from asr.serving.docs_page import docs_page
from asr.serving.errors import ApiError
from asr.serving.limits import Limited
from asr.serving.logs import HEADER, Logged
from asr.serving.routes import (
    ERRORS,
    LANGUAGE,
    Base64Audio,
    PlainTranscript,
    SmallForm,
    answers,
)
from asr.serving.service import Service, Transcript, Wanted, facts, streamed, unless_gone

api = APIRouter(responses=ERRORS, route_class=SmallForm)
Language = Annotated[str, Form(pattern=LANGUAGE)]
Model = Annotated[str, Form(max_length=200)]


def service(request: Request) -> Service:
    """What the routes share."""
    found: Service = request.app.state.service
    return found


async def transcribed(request: Request, file: Any, wanted: Wanted) -> Transcript:
    """Transcribe a file, unless its client goes away."""
    found = await unless_gone(request, service(request).transcribe(file, wanted))
    facts(request, model=found.model, language=found.language, audio_s=round(found.duration_s, 3))
    return found


@api.post(
    "/v1/audio/transcriptions", response_class=Response,
    responses=answers("application/json", "text/event-stream", *openai.MEDIA.values()),
)  # fmt: skip
async def transcriptions(
    request: Request,
    file: Annotated[UploadFile, File()],
    model: Model,
    language: Language = "",
    response_format: Annotated[openai.Format, Form()] = "json",
    stream: Annotated[bool, Form()] = False,
) -> Response:
    """OpenAI's transcriptions, with its parameters and answers."""
    form = openai.check_form(await request.form())
    wanted = Wanted(model, language, form.words)
    if form.stream:
        # The response reads from it after this function, and perhaps never.
        at_end: AsyncExitStack = request.scope["state"]["at_end"]
        started = service(request).started(file.file, wanted)
        pending = await unless_gone(request, at_end.enter_async_context(started))
        facts(request, model=pending.model, audio_s=round(pending.duration_s, 3))
        deadline = request.scope["state"]["deadline"]
        whole = service(request).transcript
        events = streamed(openai.events(pending, form, whole), deadline)
        return StreamingResponse(events, media_type="text/event-stream")
    found = openai.answer(await transcribed(request, file.file, wanted), form)
    if isinstance(found, dict):
        return JSONResponse(found)
    return PlainTextResponse(found, media_type=openai.MEDIA[form.format])


@api.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """OpenAI's list of models; each has its family and scores beside it."""
    found = service(request).found.values()
    return {"object": "list", "data": [openai.model_of(one) for one in found]}


@api.get("/v1/models/{name:path}")
async def one_model(request: Request, name: str) -> dict[str, Any]:
    """One of them."""
    return openai.model_of(service(request).model(name))


def plain(found: Transcript) -> PlainTranscript:
    """What the two short routes answer."""
    return PlainTranscript(
        text=found.text, language=found.language, model=found.model,
        duration=round(found.duration_s, 3),
    )  # fmt: skip


@api.post("/transcribe")
async def transcribe(request: Request, body: Base64Audio) -> PlainTranscript:
    """Transcribe a file that the JSON has in base64."""
    try:
        content = base64.b64decode(body.audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError(400, "audio: expected base64", "audio", "invalid_base64") from error
    wanted = Wanted(body.model, body.language, words=False)
    return plain(await transcribed(request, io.BytesIO(content), wanted))


@api.post("/transcribe/file")
async def transcribe_file(
    request: Request,
    file: Annotated[UploadFile, File()],
    model: Model = "",
    language: Language = "",
) -> PlainTranscript:
    """Transcribe an upload."""
    return plain(await transcribed(request, file.file, Wanted(model, language, words=False)))


@api.get("/models")
async def trained_models(request: Request) -> dict[str, Any]:
    """The trained models; the first answers requests that name none."""
    found = service(request).found
    names = [{"name": one.name, "family": one.family, "scores": one.scores()}
             for one in found.values()]  # fmt: skip
    return {"models": names, "default": service(request).first.name}


@api.post("/upload")
async def upload(request: Request, file: Annotated[UploadFile, File()]) -> dict[str, str]:
    """Store a file for ``/process/whisper/<file_id>``."""
    caller = request.scope["state"]["caller"]
    return {"file_id": await service(request).uploads.add(file.file, caller)}


@api.post("/process/whisper/{file_id}", responses=answers("text/plain"))
async def process(
    request: Request,
    file_id: str,
    model: Annotated[str, Query(max_length=200)] = "",
    language: Annotated[str, Query(pattern=LANGUAGE)] = "",
    format: Literal["all", "json", "lrc"] = "all",
) -> Response:
    """Transcribe an upload with word times, as Whisper's JSON and as karaoke LRC."""
    path = service(request).uploads.path(file_id, request.scope["state"]["caller"])
    with path.open("rb") as file:
        found = await transcribed(request, file, Wanted(model, language, words=True))
    if format == "lrc":
        return PlainTextResponse(openai.lrc_of(found))
    json_ = openai.whisper_json_of(found)
    if format == "json":
        return JSONResponse(json_)
    names = {"file_id": file_id, "model": found.model}
    return JSONResponse({**names, "transcription": json_, "lrc": openai.lrc_of(found)})


@api.post("/setup")
async def setup(request: Request, body: label_studio.SetupRequest) -> dict[str, str]:
    """Label Studio asks which model drafts."""
    return {"model_version": service(request).first.name}


@api.post("/predict")
async def predict(request: Request, body: label_studio.PredictRequest) -> dict[str, Any]:
    """Label Studio asks for drafts of tasks."""
    here = service(request)
    tags = label_studio.find_tags(body.label_config)
    params = here.params.label_studio
    urls = [label_studio.audio_url(task, tags, params) for task in body.tasks]
    drafts = []
    for task, url in zip(body.tasks, urls, strict=True):
        language = label_studio.language(task)
        max_mb = here.params.limits.max_body_mb
        with await label_studio.fetch_audio(url, params, max_mb) as file:
            found = await transcribed(request, file, Wanted("", language, words=False))
        drafts.append(label_studio.prediction(found, tags))
    return {"results": drafts, "model_version": here.first.name}


@api.get("/health")
async def health(request: Request) -> dict[str, str]:
    """Label Studio asks whether the server runs."""
    return {"status": "UP", "model_class": service(request).first.family}


@api.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


@api.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """A model is loaded, so that a request is answered at once."""
    ready = service(request).is_ready
    return JSONResponse({"status": "ready" if ready else "loading"}, 200 if ready else 503)


@api.get("/metrics", response_class=Response, responses=answers(CONTENT_TYPE_LATEST))
async def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    return Response(service(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)


@api.get("/docs", response_class=HTMLResponse, include_in_schema=False)
async def docs(request: Request) -> str:
    """The routes; FastAPI's own page loads its scripts from the web."""
    return docs_page(request.app.openapi())


def create_app(here: Service, keys: dict[str, str]) -> FastAPI:
    """The app of a service, which ends with it."""
    table = corrections.open_corrections(here.params.corrections)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with here.warming_up():
            yield
        if table:
            table.close()
        here.close()

    app = FastAPI(title="mothertongue", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.service, app.state.corrections, app.state.needs_key = here, table, bool(keys)
    for router in (api, corrections.api, page.api):
        app.include_router(router)
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _as_api_error)
    server = here.params.server
    # The last one added is the outermost.
    app.add_middleware(
        Limited, server=server, limits=here.params.limits, keys=keys, metrics=here.metrics,
        waiting_s=lambda: here.batcher.waiting_s,
    )  # fmt: skip
    if server.cors:
        app.add_middleware(
            CORSMiddleware, allow_origins=server.cors, allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", HEADER], expose_headers=[HEADER],
        )  # fmt: skip
    app.add_middleware(Logged, metrics=here.metrics)
    return app


async def _as_api_error(request: Request, error: Exception) -> JSONResponse:
    """Errors of the framework in the shape of our own."""
    if isinstance(error, RequestValidationError):
        fault = error.errors()[0]
        place = [str(part) for part in fault["loc"] if part != "body"]
        name = ".".join(place) or None
        shown = ApiError(400, f"{name or 'body'}: {fault['msg']}", name, "invalid_value")
    elif isinstance(error, ApiError):
        shown = error
    elif isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        shown = ApiError(error.status_code, str(error.detail), headers=headers)
    else:
        raise error
    request_id = request.scope["state"]["request_id"]
    return JSONResponse(shown.body(request_id), shown.status_code, shown.headers)
