"""A connection to the annotation database: short statements, retried, and no secret in an error.

Each statement is a transaction of its own, so no lock is held while a model works, and one round
trip carries one batch. Supabase's pooler gives each transaction another connection: nothing here is
prepared on the server or set for a session.
"""

import logging
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from asr.core.errors import InputError, needs
from asr.sources.dsn import address_pieces, cause, told

with needs("sql", "commands.redraft"):
    import sqlalchemy as sa
    from sqlalchemy.ext.compiler import compiles

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 15.0
CONNECT_S = 10
CANCELED = "57014"  # PostgreSQL's code of a statement that took longer than its limit
MANY_ROWS = 100_000  # a table without an index is worth a message from here on

Answer = TypeVar("Answer")


class Explain(sa.Executable, sa.ClauseElement):
    """Asks for the plan of a statement, which is not run."""

    inherit_cache = False

    def __init__(self, statement: sa.Select[Any]) -> None:
        self.statement = statement


@compiles(Explain)
def _explain(element: Explain, compiler: Any, **options: Any) -> str:
    verb = "EXPLAIN QUERY PLAN" if compiler.dialect.name == "sqlite" else "EXPLAIN (FORMAT JSON)"
    return f"{verb} {compiler.process(element.statement, **options)}"


class Database:
    """PostgreSQL, or SQLite for one machine.

    Attributes:
        is_sqlite: whether it is SQLite.
        num_statements: sent so far, for tests of the number of round trips.
    """

    def __init__(self, dsn_env: str, retry_s: float, statement_s: float | None = None) -> None:
        """The address is in the environment variable ``dsn_env``.

        Args:
            dsn_env: the variable.
            retry_s: seconds to try again while there is no connection.
            statement_s: seconds that PostgreSQL has for a statement; None for no limit.
        """
        self._name, self._retry_s = f"${dsn_env}", retry_s
        self._statement_s = statement_s
        self._connection: Any = None  # the newest of PostgreSQL
        address = os.environ.get(dsn_env, "")
        self._pieces: list[str] = []
        self.num_statements = 0
        self.is_sqlite = address.startswith("sqlite:///")
        if self.is_sqlite:
            self._engine = _sqlite_engine(Path(address.removeprefix("sqlite:///")), self._name)
        elif address.startswith(("postgresql://", "postgres://")):
            self._engine = self._postgresql_engine(address)
        else:
            # The message omits the value, because it may hold a password.
            raise InputError(
                f"{self._name}: expected postgresql://user:password@host/name or sqlite:///path, "
                f"got {'another scheme' if address else 'no such environment variable'}"
            )

    def _postgresql_engine(self, address: str) -> sa.Engine:
        with needs("sql", f"{self._name}: PostgreSQL"):
            import psycopg
        # It logs connections with host, user and database.
        logging.getLogger("psycopg").setLevel(logging.CRITICAL + 1)

        def connect() -> Any:
            # A pooler gives the next transaction another server, which knows no prepared statement.
            connection = psycopg.connect(
                address, prepare_threshold=None, connect_timeout=CONNECT_S, **limits
            )  # fmt: skip
            self._pieces = address_pieces(address, connection)
            self._connection = connection
            return connection

        limits: dict[str, Any] = {}
        if self._statement_s:  # of data that a host which is gone does not confirm, in ms
            limits = {"tcp_user_timeout": round(self._statement_s * 1000)}
        # A limit needs a transaction with the statement: a pooler refuses options of a session.
        own = {} if self._statement_s else {"isolation_level": "AUTOCOMMIT"}
        return sa.create_engine(
            "postgresql+psycopg://", creator=connect, pool_size=1, max_overflow=0,
            use_native_hstore=False, hide_parameters=True, **own,
        )  # fmt: skip

    def rows(self, statement: sa.Executable) -> list[Mapping[str, Any]]:
        """Run a statement as one transaction and return what it returns.

        Raises:
            InputError: if it fails, or the database can't be reached for ``retry_s`` seconds.
        """

        def run(connection: sa.Connection) -> list[Mapping[str, Any]]:
            self.num_statements += 1
            result = connection.execute(statement)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

        return self._retried(run)

    def cut(self) -> None:
        """Break the connection, from another thread: a statement that waits for it fails.

        PostgreSQL's own limit ends no statement of a server that is stopped or a line that is dead.
        """
        if self._connection is not None:
            import psycopg

            with suppress(psycopg.Error, OSError):  # it is closed already
                number = os.dup(self._connection.fileno())
                with socket.socket(fileno=number) as end:
                    end.shutdown(socket.SHUT_RDWR)

    def text(self, query: str) -> list[Mapping[str, Any]]:
        """Run a query of the configuration; see ``rows``."""
        return self.rows(sa.text(query))

    def run_each(self, statements: Sequence[sa.Update]) -> list[bool]:
        """Run updates as one transaction of SQLite; returns whether each found its row."""

        def run(connection: sa.Connection) -> list[bool]:
            return [connection.execute(one).rowcount > 0 for one in statements]

        return self._retried(run)

    def table(self, name: str, columns: Sequence[str], place: str) -> sa.Table:
        """A table or view with the columns and types that it has.

        Raises:
            InputError: if there is none, or it lacks one of ``columns``.
        """
        schema, _, short = name.rpartition(".")

        def look(connection: sa.Connection) -> list[Any]:
            inspector = sa.inspect(connection)
            try:
                return list(inspector.get_columns(short, schema=schema or None))
            except sa.exc.NoSuchTableError:
                known = [*inspector.get_table_names(schema or None),
                         *inspector.get_view_names(schema or None)]  # fmt: skip
                raise InputError(
                    f"{place}: expected a table of {self._name}, got {name!r}; there are "
                    f"{sorted(known)!s:.400}"
                ) from None

        found = self._retried(look)
        known = [column["name"] for column in found]
        if missing := [column for column in columns if column not in known]:
            raise InputError(f"{place}: no column {missing[0]!r} in {name}, there are {known}")
        # SQLite's types say nothing of the values: what it stores comes as it is.
        types = [sa.types.NullType() if self.is_sqlite else column["type"] for column in found]
        pairs = zip(known, types, strict=True)
        made = [sa.Column(column, kind) for column, kind in pairs]
        return sa.Table(short, sa.MetaData(), *made, schema=schema or None)

    def full_scan(self, statement: sa.Select[Any], table: sa.Table) -> bool:
        """Whether a statement reads a large table row by row, by the database's own plan."""

        def explain(connection: sa.Connection) -> tuple[str, int]:
            plan = " ".join(str(tuple(row)) for row in connection.execute(Explain(statement)))
            if self.is_sqlite:
                num = connection.execute(sa.select(sa.func.count()).select_from(table))
            else:  # as PostgreSQL estimated it last; to count a million rows takes a second
                regclass = sa.func.to_regclass(table.fullname)
                estimate: sa.Select[Any] = sa.select(sa.column("reltuples")).select_from(
                    sa.table("pg_class")
                )
                num = connection.execute(estimate.where(sa.column("oid") == regclass))
            return plan, int(num.scalar() or 0)

        plan, num_rows = self._retried(explain)
        scan = f"SCAN {table.name}" in plan and "INDEX" not in plan
        return num_rows >= MANY_ROWS and (scan if self.is_sqlite else "Seq Scan" in plan)

    def _retried(self, work: Callable[[sa.Connection], Answer]) -> Answer:
        """Do work in a transaction, again after a pause while the database can't be reached."""
        deadline, wait_s = time.monotonic() + self._retry_s, FIRST_WAIT_S
        while True:
            try:
                with self._engine.begin() as connection:
                    if self._statement_s and not self.is_sqlite:
                        limit = f"set local statement_timeout = {round(self._statement_s * 1000)}"
                        connection.exec_driver_sql(limit)
                    return work(connection)
            except Exception as error:
                why = self._reason(error)
                if not _may_pass(error) or time.monotonic() + wait_s > deadline:
                    raise InputError(f"{self._name}: {why}") from None
                print(f"{self._name}: {why}; trying again in {wait_s:g} s", file=sys.stderr)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _reason(self, error: Exception) -> str:
        """What went wrong, without the address, SQL and values; bugs and own errors pass."""
        own: Any = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if isinstance(own, sqlite3.Error):
            return f"the statement failed: {own}"
        if hasattr(own, "sqlstate"):  # psycopg's
            if own.sqlstate is None:
                return f"no connection: {cause(own)}"
            if own.sqlstate == CANCELED and self._statement_s:
                return f"no answer in {self._statement_s:g} s"
            return f"the statement failed: {told(own, self._pieces)}"
        if isinstance(error, sa.exc.SQLAlchemyError):
            return f"the statement failed: {type(error).__name__}: {error.args[0]!s:.200}"
        raise error


def _may_pass(error: Exception) -> bool:
    """Whether the same statement may succeed later: no connection, or a busy SQLite."""
    own: Any = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(own, sqlite3.OperationalError):
        return "locked" in str(own)
    state = getattr(own, "sqlstate", "none")
    if state is None:  # no answer of the server, unless it or libpq refused the address
        return not any(
            word in str(own).lower()
            for word in ("authentication failed", "no password", "does not exist", "invalid")
        )
    # Shut down, starting, too many connections, serialization, deadlock: PostgreSQL's appendix A.
    return state.startswith(("08", "53", "57P")) or state in ("40001", "40P01")


def _sqlite_engine(path: Path, name: str) -> sa.Engine:
    if not path.is_file():
        raise InputError(f"{name}: expected a database, there is no such file")
    engine = sa.create_engine(f"sqlite:///{path}", hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # sqlite3 would begin transactions of its own

    @sa.event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        # Two that read before they write would both fail.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
