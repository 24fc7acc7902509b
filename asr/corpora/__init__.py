"""Corpus formats: one file each, found by name in this one place.

A format is a module with two functions::

    wants(name: str, language: str) -> bool
        whether the file ``name`` of the source belongs to this corpus: fetch keeps no other.

    read(files: Files, language: str, columns: Columns) -> Iterator[Recording]
        the recordings among the files, in a fixed order. What one recording lacks is its
        ``fault``, and ends in the rejects; what can't be understood is an ``InputError`` that
        names file, line and key. Nothing else may come out, whatever the files hold.

A new format is one file here and one test.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from asr.corpus_columns import Columns
from asr.errors import InputError
from asr.raw import Files, Recording

FOLDER = Path(__file__).parent


class CorpusFormat(Protocol):
    """What a module of ``asr/corpora/`` offers."""

    def wants(self, name: str, language: str) -> bool:
        """Whether the corpus needs the file ``name``."""

    def read(self, files: Files, language: str, columns: Columns) -> Iterator[Recording]:
        """The recordings among the files, in a fixed order."""


def corpus_format(name: str) -> CorpusFormat:
    """The module ``asr/corpora/<name>.py``."""
    if not (FOLDER / f"{name}.py").is_file():
        known = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
        raise InputError(f"corpora: no format {name!r}, there are {known}")
    return cast(CorpusFormat, importlib.import_module(f"asr.corpora.{name}"))
