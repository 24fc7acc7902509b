"""Choose the files of a source that a corpus needs, and list the others by name.

A link, a device or a file whose name is not UTF-8 is refused: `prepare` rejects it. Files that the
format does not use are listed.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from asr.core.csv_files import write_csv
from asr.core.errors import InputError
from asr.corpora.audio_content import HEAD_BYTES, may_be_audio, starts_as_audio
from asr.corpora.formats import CorpusFormat
from asr.corpora.paths import is_visible
from asr.corpora.raw_folder import REFUSED_COLUMNS

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
        self.refused: list[tuple[str, str]] = []

    def wants(self, name: str) -> bool:
        """Whether to read the file: it is wanted, or only its content can show if it is audio."""
        if self._format.wants(name, self._language):
            return True
        if self._takes_any_audio and is_visible(name) and may_be_audio(name):
            return True
        self._others.append((name, "the format reads no file of this name"))
        return False

    def wants_by_name(self, name: str) -> bool:
        """Whether the file is used whatever its content."""
        return self._format.wants(name, self._language)

    def used(self, files: Iterable[tuple[str, bytes | InputError]]) -> Iterator[tuple[str, bytes]]:
        """Yield the files that the format uses; an error in place of a content is a refusal."""
        for name, content in files:
            if isinstance(content, InputError):
                self.refused.append((name, str(content)))
                continue
            if any("\ud800" <= character <= "\udfff" for character in name):
                # What Python makes of bytes that are not UTF-8; no manifest could hold the name.
                self.refused.append((name, f"{name}: expected a file name in UTF-8"))
                continue
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
            _write(path, self._others)
            print(f"{len(self._others)} file(s) of the source are not used, see {path.name}")

    def write_refused(self, path: Path) -> None:
        """Write a CSV with the refused files, sorted; no file if there are none."""
        if self.refused:
            _write(path, self.refused)
            print(f"{len(self.refused)} file(s) of the source are refused, see {path.name}")


def _write(path: Path, files: Iterable[tuple[str, str]]) -> None:
    # A name that is not UTF-8 has lone surrogates, which no file can hold.
    rows = [[text.encode(errors="backslashreplace").decode() for text in row] for row in files]
    write_csv(path, REFUSED_COLUMNS, sorted(rows))
