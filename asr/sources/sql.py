"""Corrected transcripts in a PostgreSQL or SQLite database, one row for each recording.

fetch stores the rows as ``rows.jsonl`` with the audio beside it, for the format ``jsonl``. So no
later stage needs the database. The query must name its columns as follows (``select … as text``):

    id           unique
    text         the transcript
    audio        the recording's bytes; or
    audio_path   its path relative to ``audio_root``; or
    audio_url    its URL; or
    audio_key    its key in ``bucket``
    …            optional: speaker_id, session_id, language, split; others become attributes
"""

import json
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from asr.core.errors import InputError, needs
from asr.core.schema import Schema
from asr.corpora.paths import safe_path
from asr.sources.archives import Content, Wants
from asr.sources.bucket import Bucket, check_variables, read_object
from asr.sources.changes import print_changes
from asr.sources.dsn import address_pieces, cause, told
from asr.sources.folder import checked_file
from asr.sources.local import local_path
from asr.sources.params import FetchParams
from asr.sources.still import read_still, stamps
from asr.sources.web import download_row

ROWS = "rows.jsonl"
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+)?(?:Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
ROWS_AT_ONCE = 64  # in memory: rows of PostgreSQL may hold audio
AUDIO_COLUMNS = ("audio", "audio_path", "audio_url", "audio_key")
WATERMARK = ":watermark"  # in a query


class Source(Schema):
    """Block of ``conf/sources.yaml``.

    ``dsn_env`` names the environment variable that holds the connection string, so that no secret
    is in the repository: ``postgresql://user:password@host/name`` or ``sqlite:///path``.
    ``allow_private`` permits URLs of this machine and of its network in ``audio_url``.
    ``watermark`` takes the place of ``:watermark`` in the query, such as ``where number <=
    :watermark``, so that the rows are the same whatever people add: a number, or a date with time.
    """

    kind: Literal["sql"]
    dsn_env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    query: str = Field(min_length=1)
    audio_root: str | None = Field(None, min_length=1)
    allow_private: bool = Field(False)
    watermark: int | str | None = None
    bucket: Bucket | None = None
    license: str = Field(min_length=1)

    @model_validator(mode="after")
    def _watermark(self) -> Self:
        if isinstance(self.watermark, str) and not _TIME.fullmatch(self.watermark):
            raise ValueError(f"expected a number or a date with time, got {self.watermark!r:.80}")
        if (WATERMARK in self.query) != (self.watermark is not None):
            raise ValueError(f"expected watermark with {WATERMARK} in query, got one alone")
        return self

    @property
    def filled_query(self) -> str:
        """The query with the watermark as a literal."""
        value = f"'{self.watermark}'" if isinstance(self.watermark, str) else str(self.watermark)
        return self.query.replace(WATERMARK, value)


def fetch_files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Yield each row's audio, then ``rows.jsonl`` sorted by id.

    Raises:
        InputError: if the query or a download fails, or a row has an invalid or repeated column.
    """
    lines: dict[str, str] = {}
    if source.bucket:
        check_variables(source.bucket, f"${source.dsn_env}: bucket")
    for number, row in enumerate(_rows(source), start=1):
        place = f"${source.dsn_env}: row {number}"
        row_id = row.get("id")
        if isinstance(row_id, bool) or not isinstance(row_id, str | int) or row_id == "":
            raise InputError(f"{place}: id: expected a name or number, got {row_id!r:.80}")
        if str(row_id) in lines:
            raise InputError(f"{place}: id {row_id!r:.80} appears twice")
        name, audio = _audio(source, row, str(row_id), place, limits)
        described = {k: v for k, v in row.items() if k not in AUDIO_COLUMNS}
        line = described | {"audio_path": name}
        lines[str(row_id)] = json.dumps(line, ensure_ascii=False, sort_keys=True, default=str)
        if audio is not None and wants(name):  # prepare rejects a row without audio
            yield name, audio
    if not lines:
        raise InputError(f"${source.dsn_env}: expected rows, got none from {source.query!r:.200}")
    text = "".join(f"{lines[row_id]}\n" for row_id in sorted(lines))
    print_changes(f"{source.dsn_env}\n{source.query}", source.watermark, lines)
    if wants(ROWS):
        yield ROWS, text.encode()


def _audio(
    source: Source, row: dict[str, Any], row_id: str, place: str, limits: FetchParams
) -> tuple[str, Content | None]:
    """Return a file name for a row's recording, and its bytes, or None if they are missing.

    In place of the bytes of an ``audio_path`` that is no file below ``audio_root``: an error.
    """
    given = [c for c in AUDIO_COLUMNS if row.get(c) is not None]
    name = f"audio/{quote(row_id, safe='')}.audio"  # asr.audio detects the format by content
    if len(given) != 1:
        if given or not any(column in row for column in AUDIO_COLUMNS):
            raise InputError(f"{place}: expected one of {AUDIO_COLUMNS}, got {given or list(row)}")
        return name, None
    value = row[given[0]]
    if given[0] == "audio":
        if not isinstance(value, bytes | memoryview):
            raise InputError(f"{place}: audio: expected bytes, got {value!r:.80}")
        if len(value) > limits.max_bytes:
            raise InputError(f"{place}: audio: {limits.too_large(len(value))}")
        return name, bytes(value)
    if not isinstance(value, str):
        raise InputError(f"{place}: {given[0]}: expected text, got {value!r:.80}")
    if given[0] == "audio_url":
        return name, _download(value, f"{place}: audio_url", source, limits)
    if given[0] == "audio_key":
        if source.bucket is None:
            raise InputError(f"{place}: audio_key: expected bucket in conf/sources.yaml, got none")
        return name, read_object(source.bucket, value, f"{place}: audio_key", limits)
    if source.audio_root is None:
        raise InputError(f"{place}: audio_path: expected audio_root in conf/sources.yaml, got none")
    root = local_path(source.audio_root)
    try:
        path = safe_path(value, "audio_path")
    except InputError as error:
        return name, error
    try:
        file = checked_file(root, path, root, limits)
        if isinstance(file, InputError):
            return name, InputError(f"audio_path: {file}")
        return name, read_still(root, file, stamps([file])[file])
    except InputError as error:
        raise InputError(f"{place}: audio_path: {error}") from error


def _download(url: str, place: str, source: Source, limits: FetchParams) -> bytes | None:
    """Download a URL; None for status 404 or 410, since a row may outlive its recording."""
    try:
        status, content = download_row(url, limits, allow_private=source.allow_private)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return None
    if status != HTTPStatus.OK:
        raise InputError(f"{place}: could not be downloaded: status {status}")
    return content


def _rows(source: Source) -> Iterator[dict[str, Any]]:
    """Yield the query's rows as dicts; the connection is read-only."""
    address = os.environ.get(source.dsn_env, "")
    if address.startswith("sqlite:///"):
        yield from _sqlite_rows(source, Path(address.removeprefix("sqlite:///")))
    elif address.startswith(("postgresql://", "postgres://")):
        yield from _postgresql_rows(source, address)
    else:
        # The message omits the value, because it may hold a password.
        raise InputError(
            f"${source.dsn_env}: expected postgresql://user:password@host/name or sqlite:///path, "
            f"got {'another scheme' if address else 'no such environment variable'}"
        )


def _sqlite_rows(source: Source, path: Path) -> Iterator[dict[str, Any]]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            cursor = database.execute(source.filled_query)
            columns = _columns(cursor.description, source)
            for row in cursor:
                yield dict(zip(columns, row, strict=True))
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        why = str(error).replace(str(path), "the database")
        raise InputError(f"${source.dsn_env}: the query failed: {why}") from None


def _postgresql_rows(source: Source, address: str) -> Iterator[dict[str, Any]]:
    with needs("sql", f"${source.dsn_env}: PostgreSQL"):
        import psycopg
    # It logs connections with host, user and database.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL + 1)
    try:
        database = psycopg.connect(address, autocommit=False)
    except Exception as error:  # whatever it is: its text may repeat any piece of the address
        raise InputError(f"${source.dsn_env}: no connection: {cause(error)}") from None
    pieces = address_pieces(address, database)
    try:
        with database:
            database.read_only = True
            # With a named cursor the server keeps the result and sends itersize rows at a time.
            with database.cursor(name="recordings") as cursor:
                cursor.itersize = ROWS_AT_ONCE
                cursor.execute(source.filled_query.encode())
                columns = _columns(cursor.description, source)
                for row in cursor:
                    yield dict(zip(columns, row, strict=True))
    except psycopg.Error as error:
        why = told(error, pieces)
        raise InputError(f"${source.dsn_env}: the query failed: {why}") from None


def _columns(description: Any, source: Source) -> list[str]:
    columns = [column[0] for column in description or ()]
    if missing := [column for column in ("id", "text") if column not in columns]:
        raise InputError(
            f"${source.dsn_env}: expected the query to return columns id and text, got {columns}, "
            f"missing {missing}"
        )
    if len(set(columns)) < len(columns):
        raise InputError(f"${source.dsn_env}: expected columns of different names, got {columns}")
    return columns
