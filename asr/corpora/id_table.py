"""Kaldi's tables: each line holds an id and its value."""

from dataclasses import dataclass, replace

from asr.core.errors import InputError
from asr.corpora.paths import decode_text
from asr.corpora.recording import Files


@dataclass(frozen=True)
class IdLine:
    """The value of an id in a table.

    Attributes:
        place: file and line, for messages.
        value: what follows the id.
        fault: why the line can't be used; usually None.
    """

    place: str
    value: str
    fault: str | None = None


@dataclass(frozen=True)
class IdTable:
    """The lines of a table by id, and those to reject by themselves: repeated or without an id."""

    lines: dict[str, IdLine]
    others: list[tuple[str, IdLine]]

    def get(self, key: str) -> IdLine | None:
        """The line of an id; None if there is none.

        Raises:
            InputError: if the line has a fault.
        """
        line = self.lines.get(key)
        if line and line.fault:
            raise InputError(line.fault)
        return line


def read_id_table(files: Files, name: str) -> IdTable:
    """Read a table into lines by id; empty if the file does not exist."""
    table = IdTable({}, [])
    for number, line in enumerate(files[name].split(b"\n") if name in files else (), start=1):
        place, fault = f"{name}:{number}", None
        try:
            text = decode_text(line, name, number)
        except InputError as error:
            text, fault = line.decode("utf-8-sig", "replace").replace("\0", "\ufffd"), str(error)
        if not text.split():
            continue
        key, *value = text.split(maxsplit=1)
        new = IdLine(place, value[0].strip() if value else "", fault)
        if fault and "\ufffd" in key:  # nothing says whose line it is
            table.others.append((place, new))
        elif first := table.lines.get(key):
            _add_repeated(table, key, first, new)
        else:
            table.lines[key] = new
    return table


def _add_repeated(table: IdTable, key: str, first: IdLine, new: IdLine) -> None:
    """Add a second line of an id. If its value differs, nothing says which line is right."""
    if not new.fault:
        new = replace(
            new, fault=f"{new.place}: id {key!r:.80} appears twice, first at {first.place}"
        )
    table.others.append((key, new))
    if not first.fault and (new.value != first.value):
        fault = f"{first.place}: id {key!r:.80} appears twice, with another value at {new.place}"
        table.lines[key] = replace(first, fault=fault)
