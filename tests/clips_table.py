"""Tables of clips in a real PostgreSQL and in SQLite, as people and workers see them."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from asr.redraft.claims import TableClips
from asr.redraft.clips import ModelName
from asr.redraft.database import Database
from asr.redraft.params import DatabaseBlock, load_redraft
from tests.postgresql_server import postgresql_server

ROOT = Path(__file__).parent.parent
SUPABASE = ROOT / "conf" / "sql" / "supabase_clips.sql"
MODEL = ModelName("tuned", "v1")
RUN = "00000000-0000-0000-0000-00000000000a"
SQLITE = """
create table runs (id text primary key, label text);
create table clips (
    id text primary key, run_id text, storage_path text, language text, split text, attributes text,
    status text default 'pending', draft_transcription text, draft_confidence real,
    draft_words text, draft_model text, draft_version text, draft_failure text,
    corrected_transcription text, claimed_by text, claimed_until text
);
"""


def clip_id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012}"


class People:
    """What people do in the table, each time through a connection of their own.

    A statement that waits more than 100 ms for a lock fails. The clock would measure the machine.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def run(self, statement: str, *values: object) -> list[tuple]:
        if self.address.startswith("sqlite"):
            path = self.address.removeprefix("sqlite:///")
            with closing(sqlite3.connect(path, timeout=0.1)) as connection:
                rows = connection.execute(statement.replace("%s", "?"), values).fetchall()
                connection.commit()
                return rows
        with psycopg.connect(self.address, options="-c lock_timeout=100ms") as connection:
            cursor = connection.execute(statement, values or None)
            return [] if cursor.description is None else cursor.fetchall()

    def fill(self, num: int, **columns: object) -> None:
        """As many pending clips of run «week 7»."""
        self.run("insert into runs (id, label) values (%s, 'week 7')", RUN)
        for number in range(1, num + 1):
            row = {"id": clip_id(number), "run_id": RUN, "storage_path": f"{number}.wav",
                   "language": "be", "draft_transcription": "old",
                   "attributes": json.dumps({"age": number})} | columns  # fmt: skip
            places = ", ".join(["%s"] * len(row))
            self.run(f"insert into clips ({', '.join(row)}) values ({places})", *row.values())

    def texts(self) -> list[str | None]:
        rows = self.run("select draft_transcription from clips order by id")
        return [text for (text,) in rows]


@contextmanager
def supabase() -> Iterator[People]:
    """PostgreSQL with the tables of conf/sql, and roles that may sign in."""
    with postgresql_server() as address:
        people = People(address)
        for _ in range(2):  # the second time does no harm
            people.run(SUPABASE.read_text())
        for role in ("redraft_worker", "authenticated", "corpus_reader"):
            people.run(f"alter role {role} login")
        yield people


def as_role(address: str, role: str) -> str:
    return address.replace("//reader:", f"//{role}:")


def block(**changes: object) -> DatabaseBlock:
    found = load_redraft("supabase_clips", ROOT / "conf" / "redraft.yaml")
    audio = {"kind": "folder", "column": "storage_path", "root": "audio"}
    values = found.model_dump() | {"audio": audio, "retry_s": 0.0} | changes
    return DatabaseBlock.model_validate(values)


def worker(model: ModelName = MODEL, **changes: object) -> TableClips:
    one = block(**changes)
    return TableClips(Database(one.dsn_env, one.retry_s), one, model, "conf/redraft.yaml: mine")
