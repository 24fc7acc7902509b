"""Corrected transcripts in a database, PostgreSQL or SQLite: a row a recording.

What the query gives is stored as ``rows.jsonl`` with the audio beside it, for the format ``jsonl``:
no later stage needs the database. Its columns are named by the query (``select … as text``):

    id           unique
    text         the transcript
    audio        the recording's bytes, or
    audio_path   its file below ``audio_root``, or
    audio_url    its address
    …            whatever else is to be kept: speaker_id, session_id, language, split, age_bucket
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
SILENCE_S = 60.0  # a server that sends nothing for so long is taken for gone
MAX_AUDIO_BYTES = 1 << 30  # an address that sends more sends no recording
ROWS_AT_ONCE = 64  # brought from PostgreSQL together, since they may hold audio
AUDIO_COLUMNS = ("audio", "audio_path", "audio_url")


class Source(Schema):
    """Block of ``conf/sources.yaml``.

    ``dsn_env`` names the environment variable that holds the database's address, as
    ``postgresql://user:password@host/name`` or ``sqlite:///path``: no secret is in the repository.
    """

    kind: Literal["sql"]
    dsn_env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    query: str = Field(min_length=1)
    audio_root: str | None = Field(None, min_length=1)
    license: str = Field(min_length=1)


def bring(source: Source, wants: Wants) -> Iterator[tuple[str, bytes]]:
    """Each row's audio, then ``rows.jsonl``; rows are in the order of their ids.

    Raises:
        InputError: if the database or a recording can't be had, or a row is not as it should be.
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
        if audio is not None and wants(name):  # none: the reader says so in the rejects
            yield name, audio
    if not lines:
        raise InputError(f"${source.dsn_env}: expected rows, got none from {source.query!r:.200}")
    text = "".join(f"{lines[row_id]}\n" for row_id in sorted(lines))
    if wants(ROWS):
        yield ROWS, text.encode()


def _audio(
    source: Source, row: dict[str, Any], row_id: str, place: str
) -> tuple[str, bytes | None]:
    """The name that a row's recording gets, and its bytes, or None if there are none."""
    given = [c for c in AUDIO_COLUMNS if row.get(c) is not None]
    name = f"audio/{quote(row_id, safe='')}.audio"  # decoders look at the content
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
    """What an address sends; None if there is no such page, as its row may be older than that."""
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise InputError(f"{place}: expected https://…, got {url!r:.120}")
    try:
        with urllib.request.urlopen(url, timeout=SILENCE_S) as response:
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
    """The query's rows, by column; the database can't be changed by it."""
    address = os.environ.get(source.dsn_env, "")
    if address.startswith("sqlite:///"):
        yield from _sqlite_rows(source, Path(address.removeprefix("sqlite:///")))
    elif address.startswith(("postgresql://", "postgres://")):
        yield from _postgresql_rows(source, address)
    else:
        # The value is not shown: whatever it is, it may hold a password.
        raise InputError(
            f"${source.dsn_env}: expected postgresql://user:password@host/name or sqlite:///path, "
            f"got {'another address' if address else 'no such environment variable'}"
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
            # A cursor with a name lives in the server, which then sends rows a few at a time.
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
            f"${source.dsn_env}: expected the query to name columns id and text, got {columns}, "
            f"missing {missing}"
        )
    if len(set(columns)) < len(columns):
        raise InputError(f"${source.dsn_env}: expected columns of different names, got {columns}")
    return columns
