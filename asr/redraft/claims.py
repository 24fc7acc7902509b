"""Pending clips in a table, claimed batch by batch, so that nobody waits for a model.

A claim is one statement: it takes the next clips that nobody else takes at this moment, and writes
who has them and until when. No lock outlives it. Drafts are written by one statement too, to those
clips alone that are as they were and still claimed by this worker. A clip that a person changes or
is about to change stays as it is.
"""

import json
import os
import socket
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asr.core.errors import needs
from asr.redraft.clips import Draft, ModelName, PendingClip
from asr.redraft.database import Database
from asr.redraft.params import DatabaseBlock

with needs("sql", "commands.redraft"):
    import sqlalchemy as sa

MAX_REASON_CHARS = 500


class TableClips:
    """Pending clips of a table that have no draft of a model yet, in the order of their ids."""

    def __init__(
        self, database: Database, block: DatabaseBlock, model: ModelName, place: str
    ) -> None:
        """Check the columns; ``place`` is the block's, for messages."""
        columns = block.columns
        names = [*columns.names(), block.audio.column]
        self.table = database.table(block.table, names, f"{place}.columns")
        self._database, self._block, self._model = database, block, model
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._filters: list[sa.ColumnElement[bool]] = []
        self._after: Any = None  # the last id that was claimed: each clip is tried once a run

    def only(self, condition: sa.ColumnElement[bool]) -> None:
        """Leave out clips that don't meet a condition."""
        self._filters.append(condition)

    def only_status(self, statuses: Sequence[str]) -> None:
        """Take clips of these statuses in place of the block's ``pending``."""
        self._block = self._block.model_copy(update={"pending": list(statuses)})

    def _column(self, name: str) -> sa.Column[Any]:
        column: sa.Column[Any] = self.table.c[getattr(self._block.columns, name)]
        return column

    def _pending(self) -> list[sa.ColumnElement[bool]]:
        """Conditions of a clip that waits for a draft of this model."""
        columns = self._block.columns
        found = [
            self._column("status").in_(self._block.pending),
            self._column("version").is_distinct_from(self._model.version),
            *self._filters,
        ]
        if columns.transcript:
            found.append(sa.func.coalesce(self._column("transcript"), "") == "")
        if columns.split:
            found.append(self._column("split").is_distinct_from("test"))
        return found

    def _free(self) -> sa.ColumnElement[bool]:
        until = self._time(self._column("claimed_until"))
        return sa.or_(until.is_(None), until < self._now())

    def _now(self, later_s: float = 0.0) -> sa.ColumnElement[Any]:
        """The database's clock; with SQLite, which is on this machine, this machine's."""
        if self._database.is_sqlite:
            now = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=later_s)
            return sa.literal(now, sa.DateTime())
        return sa.func.now() + sa.literal(timedelta(seconds=later_s), sa.Interval())

    def _time(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.type_coerce(column, sa.DateTime()) if self._database.is_sqlite else column

    def _next(self, num: int) -> sa.Select[Any]:
        """The ids of the next clips."""
        key = self._column("id")
        found = sa.select(key).where(*self._pending(), self._free()).order_by(key).limit(num)
        return found if self._after is None else found.where(key > self._after)

    def count(self) -> int:
        """See ``PendingClips``."""
        num = sa.select(sa.func.count().label("num")).select_from(self.table)
        return int(self._database.rows(num.where(*self._pending()))[0]["num"])

    def full_scan(self) -> bool:
        """Whether each claim would read a large table row by row."""
        return self._database.full_scan(self._next(self._block.batch_clips), self.table)

    def _returned(self) -> list[sa.Label[Any]]:
        known = self._block.columns.language
        return [
            self._column("id").label("key"),
            self.table.c[self._block.audio.column].label("audio"),
            (self._column("language") if known else sa.null()).label("language"),
            self._column("draft").label("draft"),
            self._column("status").label("status"),
        ]

    def _clips(self, rows: Sequence[Any]) -> list[PendingClip]:
        clips = [PendingClip(**row) for row in rows]
        return sorted(clips, key=lambda clip: clip.key)  # RETURNING has no order

    def peek(self, num: int) -> list[PendingClip]:
        """See ``PendingClips``."""
        key = self._column("id")
        found = sa.select(*self._returned()).where(*self._pending()).order_by(key).limit(num)
        return self._clips(self._database.rows(found))

    def claim(self, num: int) -> list[PendingClip]:
        """See ``PendingClips``."""
        # SQLite has one writer at a time, and SQLAlchemy leaves out what it can't lock.
        # Not a subquery, which a plan may run anew for each row.
        free = self._next(num).with_for_update(skip_locked=True).cte("free")
        claim = (
            sa.update(self.table)
            .where(self._column("id").in_(sa.select(free.c[0])))
            .values(
                {
                    self._column("claimed_by"): self.worker,
                    self._column("claimed_until"): self._now(self._block.claim_s),
                }
            )
            .returning(*self._returned())
        )
        clips = self._clips(self._database.rows(claim))
        if clips:
            self._after = clips[-1].key
        return clips

    def write(self, drafts: Sequence[tuple[PendingClip, Draft]]) -> set[Any]:
        """See ``PendingClips``."""
        columns = self._block.columns
        written = ["draft", "model", "version"]
        written += [name for name in ("confidence", "words") if getattr(columns, name)]
        rows = []
        for clip, draft in drafts:
            values: list[Any] = [draft.text, self._model.name, self._model.version]
            values += [draft.confidence] if columns.confidence else []
            values += [self._words(draft.words)] if columns.words else []
            rows.append((clip, values))
        cleared = {columns.failure: None} if columns.failure else {}
        return self._update(rows, written, cleared)

    def _words(self, words: list[dict[str, Any]] | None) -> Any:
        kind = self._column("words").type
        if words is None:
            return sa.null() if self._database.is_sqlite else None
        return words if isinstance(kind, sa.JSON) else json.dumps(words, ensure_ascii=False)

    def fail(self, clips: Sequence[tuple[PendingClip, str]]) -> None:
        """See ``PendingClips``."""
        columns = self._block.columns
        status = {columns.status: self._block.failed} if self._block.failed else {}
        written = ["failure"] if columns.failure else []
        if written or status:  # without either, the next run tries the clips again
            rows = [
                (clip, [why[:MAX_REASON_CHARS].replace("\0", "")] if written else [])
                for clip, why in clips
            ]
            self._update(rows, written, status)
        self.release([clip for clip, _ in clips])

    def _update(
        self, rows: Sequence[tuple[PendingClip, list[Any]]], names: Sequence[str],
        more: dict[str, Any],
    ) -> set[Any]:  # fmt: skip
        """Write values to clips that are as they were, and end their claims; returns their keys."""
        if not rows:
            return set()
        columns = self._block.columns
        ended = {columns.claimed_by: None, columns.claimed_until: None, **more}
        own = [getattr(columns, name) for name in names]
        if self._database.is_sqlite:
            updates = [
                sa.update(self.table)
                .where(*self._unchanged(sa.literal(clip.key), sa.literal(clip.draft)))
                .where(self._column("status").is_not_distinct_from(clip.status))
                .values({**ended, **dict(zip(own, values, strict=True))})
                for clip, values in rows
            ]
            done = self._database.run_each(updates)
            return {clip.key for (clip, _), found in zip(rows, done, strict=True) if found}
        given = sa.values(
            sa.column("old_id", self._column("id").type),
            sa.column("old_draft", self._column("draft").type),
            sa.column("old_status", self._column("status").type),
            *(sa.column(f"new_{name}", self._column(name).type) for name in names),
            name="given",
        ).data([(clip.key, clip.draft, clip.status, *values) for clip, values in rows])
        # A row that a person has locked is left out: nobody waits, and it is about to change.
        keys = [clip.key for clip, _ in rows]
        locked = (
            sa.select(self._column("id").label("id"))
            .where(self._column("id").in_(keys))
            .with_for_update(skip_locked=True)
            .cte("locked")
        )
        update = (
            sa.update(self.table)
            .where(*self._unchanged(given.c.old_id, given.c.old_draft))
            .where(self._column("status").is_not_distinct_from(given.c.old_status))
            .where(self._column("id") == locked.c.id)
            .values({**ended, **{own[i]: given.c[f"new_{n}"] for i, n in enumerate(names)}})
            .returning(self._column("id").label("key"))
        )
        return {row["key"] for row in self._database.rows(update)}

    def _unchanged(self, key: Any, draft: Any) -> list[sa.ColumnElement[bool]]:
        """Conditions of a clip that this worker claimed and nobody changed since."""
        found = [
            self._column("id") == key,
            self._column("claimed_by") == self.worker,
            self._column("draft").is_not_distinct_from(draft),
        ]
        if self._block.columns.transcript:
            found.append(sa.func.coalesce(self._column("transcript"), "") == "")
        return found

    def release(self, clips: Sequence[PendingClip]) -> None:
        """See ``PendingClips``."""
        if not clips:
            return
        mine = sa.select(self._column("id")).where(
            self._column("id").in_([clip.key for clip in clips]),
            self._column("claimed_by") == self.worker,
        )
        free = mine.with_for_update(skip_locked=True).cte("mine")
        self._database.rows(
            sa.update(self.table)
            .where(self._column("id").in_(sa.select(free.c[0])))
            .where(self._column("claimed_by") == self.worker)
            .values({self._column("claimed_by"): None, self._column("claimed_until"): None})
        )
