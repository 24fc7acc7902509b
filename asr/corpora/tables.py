"""Read a corpus's tables: CSV, TSV, JSON Lines or a JSON list, one row for each recording.

Errors name file, line and key. A byte order mark and Windows line endings are accepted, and so are
semicolons and tabs between the cells of a CSV.
"""

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from asr.core.errors import InputError
from asr.corpora.paths import decode_text
from asr.corpora.recording import Files

TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".jsonl.gz")
MAX_UNPACKED_BYTES = 1 << 30  # of a .gz table; a million lines with word times take half of it


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        file: the table's name in the source.
        place: file and line, for messages.
        values: by column; all are strings if the table is CSV or TSV.
        fault: why the line can't be read; it has no values then. Usually None.
    """

    file: str
    place: str
    values: dict[str, Any]
    fault: str | None = None


def object_value(value: Any, row: Row, key: str) -> Row:
    """The object at a row's key, as a row of its own.

    Raises:
        InputError: if it is no object.
    """
    if not isinstance(value, dict):
        raise InputError(f"{row.place}: {key}: expected an object, got {value!r:.80}")
    return Row(row.file, f"{row.place}: {key}", value)


def list_value(row: Row, key: str) -> list[Any]:
    """The list at a row's key.

    Raises:
        InputError: if it is no list.
    """
    value = row.values.get(key)
    if not isinstance(value, list):
        raise InputError(f"{row.place}: {key}: expected a list, got {value!r:.80}")
    return value


def read_rows(files: Files, name: str) -> Iterator[Row]:
    """Yield the rows of a table: CSV or TSV by its ending, else a JSON list or lines by content.

    A line that can't be read is a row with a ``fault``.

    Raises:
        InputError: if the table is damaged or not in its format; names file and line.
    """
    content = gunzip(files[name], name) if name.endswith(".gz") else files[name]
    plain = name.removesuffix(".gz").lower()
    if plain.endswith(".csv"):
        yield from _read_csv(content, name)
    elif plain.endswith(".tsv"):
        yield from read_tsv(content, name)
    elif content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        yield from _read_list(content, name)
    else:
        yield from _read_lines(content, name)


def gunzip(content: bytes, name: str) -> bytes:
    """Decompress a .gz.

    Raises:
        InputError: if it is damaged, or unpacks to more than ``MAX_UNPACKED_BYTES``.
    """
    try:
        with gzip.open(io.BytesIO(content)) as file:
            unpacked = file.read(MAX_UNPACKED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name}: expected a whole .gz, got {error}") from error
    if len(unpacked) > MAX_UNPACKED_BYTES:
        raise InputError(f"{name}: expected at most {MAX_UNPACKED_BYTES} bytes unpacked, got more")
    return unpacked


def parse_json(text: str, place: str) -> Any:
    """Parse strict JSON: no NaN, no repeated key, no text that UTF-8 can't encode.

    Raises:
        InputError: if the JSON is invalid; names ``place`` and the fault.
    """
    try:
        value = _JSON.decode(text)
    except RecursionError as error:
        raise InputError(f"{place}: expected JSON, got it nested too deep") from error
    except ValueError as error:
        raise InputError(f"{place}: expected JSON, got {str(error)[:160]}") from error
    # Checking all strings takes longer than parsing, and few files hold such a character.
    if "\\u" in text or _UNSTORABLE.search(text):
        _check_texts(value, place)
    return value


def _no_constant(constant: str) -> Any:
    raise ValueError(f"{constant}, which is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(k for k in keys if keys.count(k) > 1)!r:.80} twice")
    return found


_JSON = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_object)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def _check_texts(value: Any, place: str) -> None:
    """Raise ``InputError`` for null bytes and lone surrogates, which JSON can escape."""
    stack = [(place, value)]
    while stack:
        where, value = stack.pop()
        if isinstance(value, dict):
            stack += [(where, key) for key in value]
            stack += [(f"{where}: {key!r:.80}", item) for key, item in value.items()]
        elif isinstance(value, list):
            stack += [(where, item) for item in value]
        elif isinstance(value, str):
            check_text(value, where)


def all_values(value: Any) -> Iterator[Any]:
    """A value of parsed JSON and all values inside it, at any depth."""
    stack = [value]
    while stack:
        yield (value := stack.pop())
        if isinstance(value, dict | list):
            stack += value.values() if isinstance(value, dict) else value


def check_text(value: str, where: str) -> None:
    """Check that a string can be written as text in UTF-8.

    Raises:
        InputError: if it holds a null byte or a lone surrogate; names ``where``.
    """
    if "\0" in value:
        raise InputError(f"{where}: expected text, got a null byte in {value!r:.80}")
    if _UNSTORABLE.search(value):
        raise InputError(f"{where}: expected text, got half a letter in {value!r:.80}")


def _read_lines(content: bytes, name: str) -> Iterator[Row]:
    # str.splitlines would also split at U+2028, which JSON allows inside a text.
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip(b" \t\r\xef\xbb\xbf"):
            place = f"{name}:{number}"
            try:
                yield _row(name, place, parse_json(decode_text(line, name, number), place))
            except InputError as error:
                yield Row(name, place, {}, str(error))


def _read_list(content: bytes, name: str) -> Iterator[Row]:
    rows = parse_json(decode_text(content, name), name)
    for number, values in enumerate(rows, start=1):
        yield _row(name, f"{name}: item {number}", values)


def _row(name: str, place: str, values: Any) -> Row:
    if not isinstance(values, dict):
        return Row(name, place, {}, f"{place}: expected an object, got {values!r:.80}")
    return Row(name, place, values)


def _read_csv(content: bytes, name: str) -> Iterator[Row]:
    """Read CSV row by row; the header must be whole, a fault elsewhere costs its row."""
    # A byte that is not UTF-8 becomes a lone surrogate, which no UTF-8 has, in its own cell alone.
    text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    check = _UNSTORABLE.search(text) is not None
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # global, so never lower it
    header: list[str] | None = None
    lines = list(io.StringIO(text, newline=""))
    for number, cells, fault in _csv_records(lines, name, _separator(lines)):
        place = f"{name}:{number}"
        try:
            if fault:
                raise InputError(fault)
            if check:
                raw = " ".join(" ".join(cells).splitlines()).encode("utf-8", "surrogateescape")
                decode_text(raw, name, number)
            if header is None:
                header = _header(cells, place)
                continue
        except InputError as error:
            if header is None:
                raise
            yield Row(name, place, {}, str(error))
            continue
        yield _cells(name, place, header, cells)


def _separator(lines: Sequence[str]) -> str:
    """What parts the header into most cells: Excel writes «;» where the decimal sign is a comma."""
    header = next((line for line in lines if line.strip()), "")
    return max(",;\t", key=lambda one: len(next(csv.reader([header], delimiter=one))))


def _csv_records(
    lines: Sequence[str], name: str, separator: str
) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield each record's last line, cells and fault.

    A quotation mark that is not closed would swallow all that follows. So where a record can't be
    read, its first line is the faulty one, and reading goes on at the second.
    """
    start = 0
    while start < len(lines):
        rest = (lines[n] for n in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=separator, strict=True)
        end = start
        try:
            for cells in reader:
                end = start + reader.line_num
                if cells:  # else an empty line
                    yield end, cells, None
        except csv.Error as error:
            yield end + 1, [], f"{name}:{end + 1}: expected CSV, got {error}"
        start = end + 1


def read_tsv(content: bytes, name: str, header: Sequence[str] | None = None) -> Iterator[Row]:
    """Read TSV without quoting, as Common Voice writes it: a quote is part of a sentence.

    The first line is the header, unless ``header`` names the columns of a table without one.
    """
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not (line := line.removesuffix(b"\r")):
            continue
        place = f"{name}:{number}"
        if header is None:
            header = _header(decode_text(line, name, number).split("\t"), place)
            continue
        try:
            yield _cells(name, place, header, decode_text(line, name, number).split("\t"))
        except InputError as error:
            yield Row(name, place, {}, str(error))


def _header(cells: list[str], place: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if twice := sorted({repr(n) for n in names if n and names.count(n) > 1}):
        raise InputError(f"{place}: expected columns of different names, got {twice[0]:.80} twice")
    return names


def _cells(name: str, place: str, header: Sequence[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        return Row(name, place, {}, f"{place}: expected {len(header)} columns, got {len(cells)}")
    return Row(name, place, {k: v for k, v in zip(header, cells, strict=True) if k})
