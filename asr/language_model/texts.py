"""Read texts and word lists: from blocks of ``conf/sources.yaml`` and from the user's own folder.

A file's name says what it holds::

    be.txt, be_news.txt      in ``lm.folder``: a sentence a line
    be.words.txt             there: a word a line
    *.txt                    of a source: sentences or whole paragraphs, a line each
    *.jsonl, *.parquet       of a source: the same in ``text`` of each row, as data sets of the hub
    usr/share/dict/*         of a Debian package: a word a line
    *.aff, *.dic             of a source: a hunspell dictionary

Files in the folder are read line by line. Of a source one file at a time is in memory, of at most
``fetch.max_file_mb``.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from asr.core.errors import InputError
from asr.language_model.hunspell import forms
from asr.language_model.params import LmParams
from asr.language_model.words import share_of_letters, words_of
from asr.sources.corpus_source import fetch_files as files_of
from asr.sources.corpus_source import load_source
from asr.sources.params import FetchParams

MAX_LINE = 1_000_000  # bytes
SAMPLE = 2000  # lines whose letters are checked
MIN_SHARE = 0.5  # of their words, in letters of the language
_OF_SENTENCES = (".txt", ".jsonl", ".parquet")
OWN_LICENSE = "unknown"  # of the user's own files; only a block of conf/sources.yaml names one


@dataclass(frozen=True)
class Text:
    """A file of text.

    Attributes:
        name: of the file, with that of its source.
        license: SPDX identifier from ``conf/sources.yaml``.
        is_list: whether it is a list of words, without sentences.
        lines: its lines, which can be read once.
    """

    name: str
    license: str
    is_list: bool
    lines: Iterator[str]


def texts_of(language: str, params: LmParams, limits: FetchParams) -> Iterator[Text]:
    """Yield the texts of a language, the user's own first, sentences before lists of words.

    The sources follow, as ``lm.text`` names them. ``lm.max_words`` leaves out what comes last, and
    a dictionary of a million words must not leave out the user's sentences.

    Raises:
        InputError: if a source has no file to read, or a file is not in UTF-8.
    """
    own = [
        Text(str(path), OWN_LICENSE, path.name.endswith(".words.txt"), _lines_in(path))
        for path in sorted(Path(params.folder).glob("*.txt"))
        if path.name.split(".")[0].split("_")[0] == language
    ]
    yield from sorted(own, key=lambda text: text.is_list)
    for block in params.text.get(language, []):
        yield from _of_source(block, language, limits)


def in_the_language(text: Text, language: str, letters: frozenset[str]) -> Text:
    """Return the text, whose first lines were read and checked.

    Args:
        text: to check.
        language: of the text.
        letters: of the language, those of its transcripts; empty for no check.

    Raises:
        InputError: if it has no word, or most words have other letters: another script, or read in
            another encoding.
    """
    start = list(islice(text.lines, SAMPLE))
    words = [word for line in start for word in words_of(line, language)]
    if not words:
        raise InputError(f"{text.name}: expected text, got {len(start)} lines without a word")
    share = share_of_letters(words, letters | frozenset("0123456789'"))
    if letters and share < MIN_SHARE:
        foreign = next(word for word in words if not letters.issuperset(word))
        raise InputError(
            f"{text.name}: expected words in the letters of the {language} transcripts, got "
            f"{1 - share:.0%} of {len(words)} in others, such as {foreign!r}: another script, or "
            "another encoding than UTF-8"
        )
    return Text(text.name, text.license, text.is_list, chain(start, text.lines))


def _of_source(block: str, language: str, limits: FetchParams) -> Iterator[Text]:
    source = load_source(block)
    waiting: dict[str, bytes] = {}  # halves of dictionaries
    found = False
    for name, content in files_of(source, _is_text, limits):
        if isinstance(content, InputError):
            raise content
        title, path = f"{block}: {name}", PurePosixPath(name)
        if path.suffix in (".aff", ".dic"):
            other = str(path.with_suffix(".dic" if path.suffix == ".aff" else ".aff"))
            if other not in waiting:
                waiting[name] = content
                continue
            pair = (content, waiting.pop(other))
            aff, dic = pair if path.suffix == ".aff" else pair[::-1]
            yield Text(title, source.license, True, forms(aff, dic, title))
        else:
            if path.suffix == ".parquet":
                lines = _texts_of_parquet(content, title)
            else:
                lines = _lines_of(BytesIO(content), title)
            if path.suffix == ".jsonl":
                lines = _texts_of_rows(lines, title)
            is_list = path.suffix not in _OF_SENTENCES or name.endswith(".words.txt")
            yield Text(title, source.license, is_list, lines)
        found = True
    if not found:
        raise InputError(
            f"lm.text.{language}: expected *.txt, *.jsonl, *.parquet, usr/share/dict/* or *.aff "
            f"with *.dic in the source {block}, got none"
        )


def _is_text(name: str) -> bool:
    path = PurePosixPath(name)
    if path.name.startswith("hyph_"):  # hyphenation, beside dictionaries
        return False
    return path.suffix in (*_OF_SENTENCES, ".aff", ".dic") or "usr/share/dict/" in name


def _texts_of_rows(lines: Iterator[str], title: str) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        try:
            text = json.loads(line)["text"]
        except (ValueError, KeyError, TypeError):
            text = None
        if not isinstance(text, str):
            raise InputError(
                f"{title}:{number}: expected an object with a string `text`, got {line!r:.60}"
            )
        yield text


def _texts_of_parquet(content: bytes, title: str) -> Iterator[str]:
    """The column ``text``, a batch of rows in memory at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(BytesIO(content))
        columns = {field.name: field.type for field in file.schema_arrow}
        kind = columns.get("text")
        if kind is None or not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise InputError(f"{title}: expected a column `text` of strings, got {columns}")
        for batch in file.iter_batches(columns=["text"]):
            yield from (text for text in batch.column(0).to_pylist() if text)
    except pa.ArrowException as error:
        raise InputError(f"{title}: expected Parquet, got {error}") from error


def _lines_in(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        yield from _lines_of(file, str(path))


def _lines_of(file: BinaryIO, title: str) -> Iterator[str]:
    """The lines, one in memory at a time; a file without line ends would be in it as a whole."""
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), start=1):
        if len(line) == MAX_LINE:
            raise InputError(
                f"{title}:{number}: expected a sentence or a word a line, got a line of "
                f"{MAX_LINE / 1e6:g} MB or more"
            )
        try:
            yield line.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{title}:{number}: expected UTF-8, got {error}") from error
