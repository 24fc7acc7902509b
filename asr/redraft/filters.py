"""Conditions of the command line: a run, and values of columns and attributes."""

from typing import Any

from asr.core.errors import InputError, needs
from asr.redraft.claims import TableClips
from asr.redraft.database import Database
from asr.redraft.params import DatabaseBlock

with needs("sql", "commands.redraft"):
    import sqlalchemy as sa


def of_run(
    run: str, database: Database, block: DatabaseBlock, clips: TableClips, place: str
) -> sa.ColumnElement[bool]:
    """The condition of ``--run``: the value of ``columns.run``, or a label in the table of runs.

    Raises:
        InputError: if the block names no such column, or no run or several have the label.
    """
    if block.columns.run is None:
        raise InputError(f"--run: expected columns.run in {place}, got none")
    column = clips.table.c[block.columns.run]
    if block.runs is None:
        return _equals(column, converted(run, column, "--run"))
    runs = database.table(block.runs.table, [block.runs.id, block.runs.label], f"{place}.runs")
    key, label = runs.c[block.runs.id], runs.c[block.runs.label]
    by_label = sa.select(key.label("id")).where(label == run)
    found = [row["id"] for row in database.rows(by_label)]
    if not found:
        try:
            by_id = sa.select(key.label("id")).where(key == converted(run, key, "--run"))
        except InputError:
            by_id = None
        found = [row["id"] for row in database.rows(by_id)] if by_id is not None else []
    if len(found) != 1:
        some = [row["label"] for row in database.rows(sa.select(label.label("label")).limit(10))]
        raise InputError(
            f"--run: expected the label or id of one run in {block.runs.table}, got {run!r}, "
            f"which {len(found)} have; labels there: {some}"
        )
    return _equals(column, found[0])


def of_value(
    condition: str, database: Database, block: DatabaseBlock, clips: TableClips
) -> sa.ColumnElement[bool]:
    """The condition of ``--where KEY=VALUE``: KEY is a column, or a key of ``columns.attributes``.

    Raises:
        InputError: if there is neither.
    """
    name, equals, value = condition.partition("=")
    table = clips.table
    if not equals:
        raise InputError(f"--where: expected KEY=VALUE, got {condition!r}")
    if name in table.c:
        return _equals(table.c[name], converted(value, table.c[name], f"--where {name}"))
    if block.columns.attributes is None:
        raise InputError(
            f"--where: no column {name!r} in {block.table}, there are {[*table.c.keys()]}"
        )
    attributes: Any = table.c[block.columns.attributes]
    if database.is_sqlite:
        attributes = sa.type_coerce(attributes, sa.JSON())
    return _equals(attributes[name].as_string(), value)


def _equals(column: sa.ColumnElement[Any], value: Any) -> sa.ColumnElement[bool]:
    found: sa.ColumnElement[bool] = column == value
    return found


def converted(value: str, column: sa.ColumnElement[Any], place: str) -> Any:
    """A value of the command line in the column's type; the text itself if the type says nothing.

    Raises:
        InputError: if it is no value of that type.
    """
    try:
        kind = column.type.python_type
    except NotImplementedError:
        kind = object
    if kind is object:
        return int(value) if value.lstrip("-").isdecimal() else value
    try:
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        return kind(value)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{place}: expected a value of type {kind.__name__}, got {value!r}"
        ) from error
