"""Corpus formats, files of ``asr/corpus_formats/`` found by name in this one place.

A format is a module with two functions::

    wants(name: str, language: str) -> bool
        whether the file ``name`` of the source belongs to this corpus: fetch keeps no other.

    read(files: Files, language: str, columns: Columns) -> Iterator[Recording]
        the recordings among the files, in a fixed order. What one recording lacks is its
        ``fault``, and ends in the rejects; what can't be understood is an ``InputError`` that
        names file, line and key. Nothing else may come out, whatever the files hold.

A new format is one file there and one test.
"""

from collections.abc import Iterator
from typing import Protocol, cast

from asr.core.by_name import module_by_name
from asr.corpora.columns import Columns
from asr.corpora.recording import Files, Recording


class CorpusFormat(Protocol):
    """What a module of ``asr.corpus_formats`` offers."""

    def wants(self, name: str, language: str) -> bool:
        """Whether the corpus needs the file ``name``."""

    def read(self, files: Files, language: str, columns: Columns) -> Iterator[Recording]:
        """The recordings among the files, in a fixed order."""


def corpus_format(name: str) -> CorpusFormat:
    """The module ``asr/corpus_formats/<name>.py``."""
    return cast(CorpusFormat, module_by_name("asr.corpus_formats", name, "corpora: format"))
