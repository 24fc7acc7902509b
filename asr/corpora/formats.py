"""Import a corpus format from ``asr/corpus_formats/`` by its name in ``params.yaml``.

A format is a module with two functions::

    wants(name: str, language: str) -> bool
        whether the corpus needs the source's file ``name``. fetch lists the others. If a format
        wants any ``.wav``, fetch stores other files too if their content is audio.

    read(files: Files, language: str, columns: Columns) -> Iterator[Recording]
        yields the recordings in a fixed order. A recording that can't be used has a ``fault``,
        and prepare rejects it; a row with a fault is one. A table that can't be parsed, or has not
        the columns that are needed, raises an ``InputError`` that names file, line and key. No
        input may raise another exception.

A module may set ``LISTS_OTHERS = False``, and fetch does not list the source's other files.

To add a format, add one module and one test.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, Protocol, cast

from asr.core.by_name import module_by_name
from asr.corpora.columns import Columns
from asr.corpora.params import Corpus
from asr.corpora.paths import is_audio_file, refusal
from asr.corpora.raw_folder import refused
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


def read_corpus(files: Files, corpus: Corpus) -> Iterator[Recording]:
    """Yield the recordings of a corpus, then the audio and the refused files that none uses.

    Args:
        files: those of the raw folder.
        corpus: its line in ``params.yaml``.

    Raises:
        InputError: see ``read`` above.
    """
    names, used = set[str](), set[str]()
    others = dict(refused(files))
    channel = None if corpus.channel == "mean" else corpus.channel
    columns = {str(ours): theirs for ours, theirs in corpus.columns.items()}
    for one in corpus_format(corpus.format).read(files, corpus.language, columns):
        names.add(one.name)
        used.add(one.file)
        if one.fault and (found := refusal(refused(files), one.file)) and found[1] in one.fault:
            others.pop(found[0], None)
        yield _with_channel(one, channel)
    for file in files:
        if file not in used and is_audio_file(files, file):
            yield Recording(_unique(file, names), None, b"", file, unlisted=True)
    for file, why in others.items():
        yield Recording(_unique(file, names), None, b"", file, fault=why)


def _unique(name: str, names: set[str]) -> str:
    while name in names:
        name += "~"
    names.add(name)
    return name


def _with_channel(one: Recording, channel: int | Literal["each"] | None) -> Recording:
    """A recording with the corpus's ``channel`` where the source names none."""
    if one.channel is None and channel != "each":
        return one if channel is None else replace(one, channel=channel)
    # Other channels of the file may be utterances too: all must stay in one split.
    session_id = one.session_id or one.file
    return replace(
        one, channel=channel if one.channel is None else one.channel, session_id=session_id
    )
