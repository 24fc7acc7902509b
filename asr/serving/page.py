"""The web page: three files of ``static/``, which load nothing from elsewhere, and its settings.

The browser asks each time whether a file is still the same (``ETag``), so that a newer server's
page never meets an older one's script.
"""

import hashlib
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
SETTINGS = "/page.json"
# A transcript is the text of strangers: whatever it holds, no script but page.js runs, and nothing
# is loaded or sent elsewhere. Recordings are played from memory, which is what `blob:` is.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; media-src blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

api = APIRouter(include_in_schema=False)
_FOLDER = Path(__file__).with_name("static")
_CONTENTS = {path: (_FOLDER / name).read_bytes() for path, (name, _) in FILES.items()}


@api.get("/")
@api.get("/page.css")
@api.get("/page.js")
async def file(request: Request) -> Response:
    """A file of the page."""
    path = request.scope["route"].path
    content = _CONTENTS[path]
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**HEADERS, "ETag": etag}
    known = {one.strip().removeprefix("W/") for one in
             request.headers.get("if-none-match", "").split(",")}  # fmt: skip
    if etag in known:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=FILES[path][1], headers=headers)


@api.get(SETTINGS)
async def settings(request: Request) -> dict[str, Any]:
    """What the page must know before it has a key."""
    params = request.app.state.service.params
    return {
        "needs_key": request.app.state.needs_key,
        "corrections": request.app.state.corrections is not None,
        "language": params.models.language,
        "max_mb": params.limits.max_body_mb,
        "max_duration_s": params.limits.max_duration_s,
    }
