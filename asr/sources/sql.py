"""Corrected transcripts in a PostgreSQL or SQLite database, one row for each recording.

fetch stores the rows as ``rows.jsonl`` with the audio beside it, for the format ``jsonl``. So no
later stage needs the database. The query must name its columns as follows (``select … as text``):

    id           unique
    text         the transcript
    audio        the recording's bytes; or
    audio_path   its path relative to ``audio_root``; or
    audio_url    its URL
    …            optional: speaker_id, session_id, language, split; others become attributes
"""

import json
import os
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field

from asr.core.errors import InputError, needs
from asr.core.schema import Schema
from asr.corpora.paths import safe_path
from asr.sources.archives import Wants

ROWS = "rows.jsonl"
TIMEOUT_S = 60.0  # without a byte from the server
MAX_AUDIO_BYTES = 1 << 30  # of one download: a larger file is not one recording
ROWS_AT_ONCE = 64  # in memory: rows of PostgreSQL may hold audio
AUDIO_COLUMNS = ("audio", "audio_path", "audio_url")


class Source(Schema):
    """Block of ``conf/sources.yaml``.

    ``dsn_env`` names the environment variable that holds the connection string, so that no secret
    is in the repository: ``postgresql://user:password@host/name`` or ``sqlite:///path``.
    """

    kind: Literal["sql"]
    dsn_env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    query: str = Field(min_length=1)
    audio_root: str | None = Field(None, min_length=1)
    license: str = Field(min_length=1)


def fetch_files(source: Source, wants: Wants) -> Iterator[tuple[str, bytes]]:
    """Yield each row's audio, then ``rows.jsonl`` sorted by id.

    Raises:
        InputError: if the query or a download fails, or a row has an invalid or repeated column.
    """
    lines: dict[str, str] = {}
    for number, row in enumerate(_rows(source), start=1):
        place = f"${source.dsn_env}: row {number}"
        row_id = row.get("id")
        if isinstance(row_id, bool) or not isinstance(row_id, str | int) or row_id == "":
            raise InputError(f"{place}: id: expected a name or number, got {row_id!r:.80}")
        if str(row_id) in lines:
            raise InputError(f"{place}: id {row_id!r:.80} appears twice")
        name, audio = _audio(source, row, str(row_id), place)
        described = {k: v for k, v in row.items() if k not in AUDIO_COLUMNS}
        line = described | {"audio_path": name}
        lines[str(row_id)] = json.dumps(line, ensure_ascii=False, sort_keys=True, default=str)
        if audio is not None and wants(name):  # prepare rejects a row without audio
            yield name, audio
    if not lines:
        raise InputError(f"${source.dsn_env}: expected rows, got none from {source.query!r:.200}")
    text = "".join(f"{lines[row_id]}\n" for row_id in sorted(lines))
    if wants(ROWS):
        yield ROWS, text.encode()


def _audio(
    source: Source, row: dict[str, Any], row_id: str, place: str
) -> tuple[str, bytes | None]:
    """Return a file name for a row's recording, and its bytes, or None if they are missing."""
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
        return name, bytes(value)
    if not isinstance(value, str):
        raise InputError(f"{place}: {given[0]}: expected text, got {value!r:.80}")
    if given[0] == "audio_url":
        return name, _download(value, f"{place}: audio_url")
    if source.audio_root is None:
        raise InputError(f"{place}: audio_path: expected audio_root in conf/sources.yaml, got none")
    path = safe_path(value, f"{place}: audio_path")
    file = Path(source.audio_root).expanduser() / path
    return name, file.read_bytes() if file.is_file() else None


def _download(url: str, place: str) -> bytes | None:
    """Download a URL; None for status 404 or 410, since a row may outlive its recording."""
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise InputError(f"{place}: expected https://…, got {url!r:.120}")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            content: bytes = response.read(MAX_AUDIO_BYTES + 1)
    except urllib.request.HTTPError as error:
        if error.code in (404, 410):
            return None
        raise InputError(f"{place}: {url:.120} could not be downloaded: {error}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise InputError(f"{place}: {url:.120} could not be downloaded: {error}") from error
    if len(content) > MAX_AUDIO_BYTES:
        raise InputError(f"{place}: {url:.120}: expected at most {MAX_AUDIO_BYTES} bytes, got more")
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
            cursor = database.execute(source.query)
            columns = _columns(cursor.description, source)
            for row in cursor:
                yield dict(zip(columns, row, strict=True))
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise InputError(f"${source.dsn_env}: the query failed: {error}") from error


def _postgresql_rows(source: Source, address: str) -> Iterator[dict[str, Any]]:
    with needs("sql", f"${source.dsn_env}: PostgreSQL"):
        import psycopg
    try:
        with psycopg.connect(address, autocommit=False) as database:
            database.read_only = True
            # With a named cursor the server keeps the result and sends itersize rows at a time.
            with database.cursor(name="recordings") as cursor:
                cursor.itersize = ROWS_AT_ONCE
                cursor.execute(source.query.encode())
                columns = _columns(cursor.description, source)
                for row in cursor:
                    yield dict(zip(columns, row, strict=True))
    except psycopg.Error as error:
        why = str(error).strip().replace("\n", " ")
        raise InputError(f"${source.dsn_env}: the query failed: {why}") from error


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
