"""JSON Lines with a schema: checked when read, written atomically."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from asr.core.errors import InputError, faults
from asr.core.files import atomic_file

Model = TypeVar("Model", bound=BaseModel)


def read_jsonl(path: Path, schema: type[Model]) -> list[Model]:
    """Read a file with one object of ``schema`` on each line.

    Raises:
        InputError: for the first bad line, naming file, line, key, expected and got.
    """
    rows = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                rows.append(schema.model_validate_json(line))
            except ValidationError as error:
                raise InputError(f"{path}:{number}: {faults(error)[0]}") from error
    return rows


def write_jsonl(path: Path, rows: Iterable[BaseModel]) -> None:
    """Write one row a line: keys in the schema's order, non-ASCII letters as they are."""
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(row.model_dump_json() + "\n")
