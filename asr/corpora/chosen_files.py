"""Choose the files of a source that a corpus needs, and list the others by name."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from asr.core.csv_files import write_csv
from asr.corpora.audio_content import HEAD_BYTES, may_be_audio, starts_as_audio
from asr.corpora.formats import CorpusFormat
from asr.corpora.paths import is_visible

NOT_USED = "not_used.csv"


class ChosenFiles:
    """Which files of a source a format uses: those that it wants, and audio of any name.

    A format that takes recordings by a rule of its own, such as those of one language, gets no
    others.
    """

    def __init__(self, corpus_format: CorpusFormat, language: str) -> None:
        self._format, self._language = corpus_format, language
        self._lists_others = getattr(corpus_format, "LISTS_OTHERS", True)
        self._takes_any_audio = corpus_format.wants("a.wav", language)
        self._others: list[tuple[str, str]] = []

    def wants(self, name: str) -> bool:
        """Whether to read the file: it is wanted, or only its content can show if it is audio."""
        if self._format.wants(name, self._language):
            return True
        if self._takes_any_audio and is_visible(name) and may_be_audio(name):
            return True
        self._others.append((name, "the format reads no file of this name"))
        return False

    def used(self, files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """Yield the files that the format uses."""
        for name, content in files:
            wanted = self._format.wants(name, self._language)
            if wanted or starts_as_audio(content[:HEAD_BYTES]):
                yield name, content
            else:
                self._others.append((name, "its content is not audio"))

    def write_others(self, path: Path) -> None:
        """Write a CSV with the names of the other files, sorted; no file if there are none.

        Nor if the format sets ``LISTS_OTHERS`` to False: its corpus is a small part of its source.
        """
        if self._others and self._lists_others:
            # A name that is not UTF-8 has lone surrogates, which no file can hold.
            rows = [(n.encode(errors="backslashreplace").decode(), why) for n, why in self._others]
            write_csv(path, ("file", "why"), sorted(rows))
            print(f"{len(rows)} file(s) of the source are not used, see {path.name}")
