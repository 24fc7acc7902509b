"""Errors that a client sees, in the shape that OpenAI's clients read."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error",
         429: "rate_limit_error"}  # fmt: skip
CLIENT_GONE = 499  # nginx's number, for logs; no client ever sees it


class ApiError(HTTPException):
    """A request that can't be answered.

    An ``HTTPException``, since FastAPI turns any other one into 400 while it reads a body.

    Attributes:
        message: what was expected, and what the request has.
        param: the parameter at fault, if one is.
        code: a word that programs can compare.
    """

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.message, self.param, self.code = message, param, code

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON of the answer."""
        kind = "server_error" if self.status_code >= 500 else "invalid_request_error"
        error = {
            "message": self.message,
            "type": TYPES.get(self.status_code, kind),
            "param": self.param,
            "code": self.code,
        }
        return {"error": error, "request_id": request_id}


def client_gone() -> ApiError:
    """The client closed the connection before it had its answer."""
    return ApiError(CLIENT_GONE, "the client is gone", code="client_gone")


def too_many(message: str, code: str, retry_after_s: int) -> ApiError:
    """A request to send again later."""
    return ApiError(429, message, code=code, headers={"Retry-After": str(retry_after_s)})
