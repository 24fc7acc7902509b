"""What routes need of the framework: bodies, errors as OpenAPI describes them, small forms."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

LANGUAGE = r"^([a-z]{2,3})?$"


class Base64Audio(BaseModel):
    """The body of ``/transcribe``."""

    model_config = ConfigDict(extra="forbid")

    audio: str = Field(min_length=1, description="a file of any format, in base64")
    language: str = Field(default="", pattern=LANGUAGE)
    model: str = Field(default="", max_length=200)


class PlainTranscript(BaseModel):
    """What the two short routes answer; ``duration`` is of the file, in seconds."""

    text: str
    language: str
    model: str
    duration: float


class Fault(BaseModel):
    """What is wrong; ``code`` is for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of every error."""

    error: Fault
    request_id: str


# Every route may answer so; with these FastAPI describes no 422, which no route answers.
ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}}


def answers(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's description of a route whose answer has one of these types."""
    return {200: {"content": {name: {"schema": {}} for name in media_types}}}


class SmallForm(APIRoute):
    """A route that reads a form before FastAPI does, with smaller limits.

    FastAPI takes 1000 fields of 1 MB and 1000 files of which the first MB is in memory.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See ``fastapi.routing.APIRoute``."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.headers.get("content-type", "").startswith("multipart/"):
                await request.form(max_files=1, max_fields=40, max_part_size=65_536)
            return await handler(request)

        return handle
