"""Corrections that people send from the page, as rows of the table that the model learns from.

The audio goes into the row too, so that a correction is one transaction: the corpus finds it by
``asr/sources/sql.py``, column ``audio``, and needs no bucket. The statement of ``conf/serve.yaml``
names a row by its audio, so the same correction sent twice is one.
"""

import asyncio
import logging
import unicodedata
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from math import inf
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, File, Form, Request, UploadFile

from asr.core.errors import InputError, needs
from asr.preparation.params import PrepareParams
from asr.serving.errors import ApiError
from asr.serving.params import MB, CorrectionsParams
from asr.serving.reading import read_audio
from asr.serving.routes import ERRORS, LANGUAGE, SmallForm
from asr.serving.service import Service, facts, unless_gone
from asr.utterances.waveform import SAMPLE_RATE

STATEMENT_S = 10.0  # of the database for one correction, which takes it milliseconds
MAX_LETTERS = 20_000  # twenty minutes of speech have about as many
log = logging.getLogger("serve")
api = APIRouter(responses=ERRORS, route_class=SmallForm)


@dataclass(frozen=True)
class Correction:
    """A row to be; the names are those of the statement's parameters.

    Attributes:
        audio: the file as it was sent.
        text: that a person wrote.
        language: ISO 639 code.
        draft: of the model.
        model: name of the model.
        key: name of the sender's API key; None without keys.
    """

    audio: bytes
    text: str
    language: str
    draft: str
    model: str
    key: str | None


class Corrections:
    """The table; one statement at a time, in a thread of its own."""

    def __init__(self, params: CorrectionsParams) -> None:
        """Read the address; the database may be down still.

        Raises:
            InputError: if the address is missing, or a package.
        """
        with needs("sql", "corrections.dsn_env"):
            import sqlalchemy as sa
        from asr.redraft.database import CONNECT_S, Database

        self.params = params
        self.answer_s = params.retry_s + CONNECT_S + STATEMENT_S
        self._statement = sa.text(params.statement)
        self._database = Database(params.dsn_env, params.retry_s, STATEMENT_S)
        self._thread = ThreadPoolExecutor(1, "corrections")
        self._running: Correction | None = None

    async def add(self, correction: Correction) -> int | None:
        """Write a correction; returns the number of its row, if the statement returns one.

        Raises:
            ApiError: if the database does not answer in ``answer_s`` seconds, or refuses it.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.answer_s):
                return await loop.run_in_executor(self._thread, self._add, correction)
        except (InputError, TimeoutError) as error:
            if self._running is correction:  # else it waited for another one
                self._database.cut()
            # Of a refused statement PostgreSQL's text may quote the row.
            told = str(error) or f"${self.params.dsn_env}: no answer in {self.answer_s:g} s"
            why, _, _ = told.partition(": the statement failed")
            refused = why != told
            values = {"event": "correction failed", "why": f"{why}: refused" if refused else why}
            log.error("correction failed", extra={"values": values})
            what = "refused it" if refused else "does not answer"
            message = f"the correction is not stored: the database {what}; send it again later"
            raise ApiError(503, message, code="corrections_unavailable") from error

    def _add(self, correction: Correction) -> int | None:
        self._running = correction
        try:
            rows = self._database.rows(self._statement.bindparams(**asdict(correction)))
        finally:
            self._running = None
        number = next(iter(rows[0].values()), None) if rows else None
        return number if isinstance(number, int) else None

    def close(self) -> None:
        """Let the statement that runs end, if it does so in ``STATEMENT_S``."""
        wait([self._thread.submit(lambda: None)], STATEMENT_S)
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._database.cut()


def open_corrections(params: CorrectionsParams) -> Corrections | None:
    """The table; None if none is configured."""
    return Corrections(params) if params.dsn_env else None


@api.post("/corrections")
async def correct(
    request: Request,
    file: Annotated[UploadFile, File()],
    text: Annotated[str, Form(max_length=MAX_LETTERS)],
    language: Annotated[str, Form(pattern=LANGUAGE, min_length=2)],
    model: Annotated[str, Form(max_length=200)] = "",
    draft: Annotated[str, Form(max_length=MAX_LETTERS)] = "",
) -> dict[str, Any]:
    """Store the text that a person wrote for a recording; the same twice is stored once."""
    table: Corrections | None = request.app.state.corrections
    if table is None:
        message = "corrections: not configured here (corrections.dsn_env in conf/serve.yaml)"
        raise ApiError(404, message, code="corrections_off")
    here: Service = request.app.state.service
    name = here.model(model).name
    words, drafted = _plain(text, "text"), _plain(draft, "draft")
    if not words:
        raise ApiError(400, "text: expected words, got none", "text", "invalid_value")
    audio, duration_s = await unless_gone(
        request, here.in_reader(_checked, file.file, table.params, here)
    )
    facts(request, model=name, language=language, audio_s=round(duration_s, 3))
    key = request.scope["state"]["facts"].get("key")
    number = await table.add(Correction(audio, words, language, drafted, name, key))
    return {"status": "stored", "number": number}


def _plain(text: str, name: str) -> str:
    """Words with single spaces; PostgreSQL takes no NUL, and no corpus wants control characters."""
    plain = " ".join(text.split())
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in plain):
        raise ApiError(400, f"{name}: expected no control characters", name, "invalid_value")
    return plain


def _checked(file: BinaryIO, params: CorrectionsParams, here: Service) -> tuple[bytes, float]:
    """The bytes of an upload that ``prepare`` will be able to read, and its seconds."""
    file.seek(0)
    content = file.read(int(params.max_mb * MB) + 1)
    if len(content) > params.max_mb * MB:
        message = f"file: expected at most {params.max_mb:g} MB (corrections.max_mb)"
        raise ApiError(413, message, "file", "body_too_large")
    audio = read_audio(file, here.params.limits.max_duration_s, inf, here.prepare.silence)
    duration_s = len(audio.waveform) / SAMPLE_RATE
    check_duration(duration_s, here.prepare)
    return content, duration_s


def check_duration(duration_s: float, prepare: PrepareParams) -> None:
    """Refuse what ``prepare`` will reject for its length, so that nobody corrects it in vain.

    Raises:
        ApiError: with both limits.
    """
    aligns = prepare.long_recordings == "align"
    key = "max_input_s" if aligns else "max_duration_s"
    shortest, longest = prepare.min_duration_s, getattr(prepare, key)
    if not shortest <= duration_s <= longest:
        message = (
            f"file: expected {shortest:g} to {longest:g} s of audio (prepare.min_duration_s, "
            f"prepare.{key}), got {duration_s:.3f}"
        )
        code = "audio_too_short" if duration_s < shortest else "audio_too_long"
        raise ApiError(400, message, "file", code)
