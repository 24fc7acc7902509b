"""Import a corpus format from ``asr/corpus_formats/`` by its name in ``params.yaml``.

A format is a module with two functions::

    wants(name: str, language: str) -> bool
        whether the corpus needs the source's file ``name``. fetch drops all other files.

    read(files: Files, language: str, columns: Columns) -> Iterator[Recording]
        yields the recordings in a fixed order. A recording that can't be used has a ``fault``,
        and prepare rejects it. A table that can't be parsed raises an ``InputError`` that names
        file, line and key. No input may raise another exception.

To add a format, add one module and one test.
"""

from collections.abc import Iterator
from typing import Protocol, cast

from asr.core.by_name import module_by_name
from asr.corpora.columns import Columns
from asr.corpora.recording import Files, Recording


class CorpusFormat(Protocol):
    """The functions that each module of ``asr.corpus_formats`` defines."""

    def wants(self, name: str, language: str) -> bool:
        """Whether the corpus needs the file ``name``."""

    def read(self, files: Files, language: str, columns: Columns) -> Iterator[Recording]:
        """The recordings among the files, in a fixed order."""


def corpus_format(name: str) -> CorpusFormat:
    """The module ``asr/corpus_formats/<name>.py``."""
    return cast(CorpusFormat, module_by_name("asr.corpus_formats", name, "corpora: format"))
