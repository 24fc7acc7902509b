"""The files of a corpus that fetch pinned and did not store: as a raw folder's, but brought singly.

Of an archive, names, sizes and hashes of the recordings are listed first, and other files (tables,
transcripts) are stored in the spool until `prepare` is done: formats look them up in any order.
"""

import csv
import hashlib
import io
import shutil
import threading
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from asr.core.errors import InputError
from asr.core.files import atomic_folder
from asr.corpora.audio_content import HEAD_BYTES, may_hold_audio, starts_as_audio
from asr.corpora.chosen_files import ChosenFiles
from asr.corpora.formats import corpus_format
from asr.corpora.params import Corpus
from asr.corpora.paths import is_audio
from asr.corpora.pins import PINS, Pin, read_pins
from asr.corpora.raw_folder import (
    FILES,
    REFUSED,
    RawFiles,
    read_provenance,
    read_refused,
    write_files,
    write_provenance,
)
from asr.corpora.recording import (
    Recording,
    Stored,
    recording_of_row,
    recording_row,
    sha256_of_audio,
)
from asr.corpora.withdrawn import is_withdrawn, noted_recording, withdrawn_note
from asr.sources import folder, hub
from asr.sources.archives import Content, Wants, read_archive
from asr.sources.brought import Pinnable, brought
from asr.sources.corpus_source import provenance
from asr.sources.params import FetchParams

_MEMBERS = "members.csv"


class ForgottenError(InputError):
    """A recording that an earlier run read is asked for again: its result is lost."""


@dataclass(frozen=True)
class Member:
    """A recording in an archive.

    Attributes:
        archive: its name.
        size: in bytes.
        sha256: of its bytes.
        head: its first bytes, if its name does not say that it is audio.
    """

    archive: str
    size: int
    sha256: bytes
    head: bytes


class PinnedFiles:
    """A read-only mapping from name to bytes, in the order of names; see ``StoredFiles``."""

    def __init__(
        self,
        corpus: str,
        source: Pinnable,
        raw: Path,
        line: Corpus,
        limits: FetchParams,
        spool: Path,
    ) -> None:
        """Read the pins, and list the archives.

        Args:
            corpus: its key in ``params.yaml``.
            source: of the corpus.
            raw: folder that fetch wrote.
            line: of the corpus, in ``params.yaml``.
            limits: section ``fetch``.
            spool: folder for downloads, locked by this process; what an earlier one left there of
                the same files is used.
        """
        self._source, self._line, self._limits, self._spool = source, line, limits, spool
        self._corpus, self._origin = corpus, read_provenance(raw).origin
        self._bringing = threading.Lock()
        self._format = corpus_format(line.format)
        self.pins = {pin.name: pin for pin in read_pins(raw / PINS)}
        self.refused = read_refused(raw)
        self.read: dict[str, list[dict[str, Any]]] = {}  # rows of ``recordings`` by file, once read
        self.known: dict[str, list[dict[str, Any]]] = {}  # the same from an earlier run
        self._remove_strangers()
        self._members: dict[str, Member] = {}
        self._tables: dict[str, RawFiles] = {}
        for pin in self.archives:
            self._list(pin)
        names = [name for name, pin in self.pins.items() if not pin.is_archive]
        if twice := next((n for n in names if n in self._members or n in self._tables), None):
            raise InputError(f"{twice}: the source has two files of this name")
        self._names = sorted([*names, *self._members, *self._tables])

    @property
    def archives(self) -> list[Pin]:
        """The archives, in the order of names."""
        return [pin for pin in self.pins.values() if pin.is_archive]

    @property
    def audio_bytes(self) -> int:
        """The size of the recordings, or of the tables that hold them."""
        plain = sum(
            pin.size or 0
            for name, pin in self.pins.items()
            if not pin.is_archive and may_hold_audio(name)
        )
        return plain + sum(one.size for one in self._members.values())

    def archive_of(self, name: str) -> str | None:
        """The archive that holds a recording; None if it is a file of its own."""
        member = self._members.get(name)
        return member.archive if member else None

    def read_members(self, archive: str, wanted: Container[str]) -> Iterator[tuple[str, bytes]]:
        """Bring an archive, and yield the wanted recordings in its order."""
        pin = self.pins[archive]
        with brought(self._source, pin, self._spool) as path:
            for name, content in self._inside(pin, path, lambda name: name in wanted):
                if isinstance(content, bytes):  # a link has none, and is no recording
                    yield name, content

    def recordings(self, name: str, read: Callable[[], Iterator[Recording]]) -> Iterator[Recording]:
        """What ``read`` yields of a file, with notes in ``self.read``; or what is in ``known``.

        Of a withdrawn recording, the notes and what is yielded from them have hashes alone.
        """
        if (rows := self.known.get(name)) is not None:
            yield from map(self._of_note, rows)
            return
        rows = []
        for one in read():
            rows.append(self._note(one))
            yield one
        self.read[name] = rows

    def _note(self, one: Recording) -> dict[str, Any]:
        rule, source = self._line.withdrawn, f"{self._origin}:{one.file}"
        if is_withdrawn(rule, one.speaker_id, source, one.attributes):
            return withdrawn_note(self._corpus, one)
        return recording_row(one) | {"audio": [len(one.audio), sha256_of_audio(one.audio).hex()]}

    def _of_note(self, row: dict[str, Any]) -> Recording:
        if "audio" not in row:
            return noted_recording(row)
        size, sha256 = row["audio"]
        audio = Stored(self, row["file"], size, bytes.fromhex(sha256)) if size else b""
        values = {key: value for key, value in row.items() if key != "audio"}
        return recording_of_row(values, audio)

    def __getitem__(self, name: str) -> bytes:
        if name in self._tables:
            return self._tables[name][name]
        if name not in self.pins:
            raise ForgottenError(f"{name}: expected its earlier result in the cache, got none")
        # A table stays until prepare is done: it is read several times for each archive.
        stays = self._format.wants(name, self._line.language) and not is_audio(name)
        with (
            self._bringing,  # the thread that hands work to other processes reads too
            brought(self._source, self.pins[name], self._spool, stays=stays) as path,
        ):
            return path.read_bytes()

    def stored(self, name: str) -> bytes | Stored:
        """A recording's bytes, unread where their SHA-256 is pinned."""
        if member := self._members.get(name):
            return Stored(self, name, member.size, member.sha256)
        pin = self.pins.get(name)
        if pin is None or pin.sha256 is None or pin.size is None:
            return self[name]
        return Stored(self, name, pin.size, pin.sha256)

    def open(self, name: str) -> BinaryIO:
        """A file to read in parts; it is removed when it is closed."""
        if member := self._members.get(name):
            return io.BytesIO(member.head)
        if name in self._tables:
            return self._tables[name].open(name)
        return _Brought(brought(self._source, self.pins[name], self._spool))

    def __contains__(self, name: object) -> bool:
        return name in self._members or name in self._tables or self._is_plain(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def _is_plain(self, name: object) -> bool:
        return isinstance(name, str) and name in self.pins and not self.pins[name].is_archive

    def _remove_strangers(self) -> None:
        """Remove what an earlier run left of files that are no longer pinned."""
        own = {pin.hash.replace(":", "-") for pin in self.pins.values()}
        for left in self._spool.glob("*"):
            if left.name.removeprefix("list-") not in own:
                shutil.rmtree(left)

    def _list(self, pin: Pin) -> None:
        """List an archive, unless an earlier run has."""
        listed = self._spool / f"list-{pin.hash.replace(':', '-')}"
        if not listed.is_dir():
            # An only archive is read next for its recordings, so it is downloaded once.
            stays = len(self.archives) == 1
            with brought(self._source, pin, self._spool, stays=stays) as path:
                self._write_list(pin, path, listed)
        self.refused |= read_refused(listed)
        with (listed / _MEMBERS).open(encoding="utf-8", newline="") as file:
            for name, size, sha256, head in csv.reader(file):
                self._add(name)
                self._members[name] = Member(
                    pin.name, int(size), bytes.fromhex(sha256), bytes.fromhex(head)
                )
        if (listed / FILES).is_file():
            tables = RawFiles(listed)
            for name in tables:
                self._add(name)
                self._tables[name] = tables

    def _add(self, name: str) -> None:
        if name in self._members or name in self._tables:
            raise InputError(f"{name}: the source has two files of this name")

    def _inside(self, pin: Pin, path: Path, wants: Wants) -> Iterator[tuple[str, Content]]:
        if isinstance(self._source, folder.Source | hub.Source):
            return folder.read_inside(path, pin.name, wants, self._limits)
        return read_archive(path, wants, self._limits)

    def _write_list(self, pin: Pin, path: Path, out: Path) -> None:
        chosen = ChosenFiles(self._format, self._line.language)
        with atomic_folder(out.absolute()) as partial:
            members = (partial / _MEMBERS).open("w", encoding="utf-8", newline="")
            with members:
                rows = csv.writer(members)

                def others() -> Iterator[tuple[str, bytes]]:
                    for name, content in chosen.used(self._inside(pin, path, chosen.wants)):
                        head = content[:HEAD_BYTES]
                        if is_audio(name) or starts_as_audio(head):
                            shown = "" if is_audio(name) else head.hex()
                            sha256 = hashlib.sha256(content).hexdigest()
                            rows.writerow((name, len(content), sha256, shown))
                        else:
                            yield name, content

                num_tables = write_files(partial / FILES, others())
            if num_tables:
                write_provenance(partial, provenance(self._source, num_tables))
            else:
                (partial / FILES).unlink()
            chosen.write_refused(partial / REFUSED)


class _Brought(io.FileIO):
    """A file that was brought; it is removed when it is closed."""

    def __init__(self, bringing: Any) -> None:
        self._stack = ExitStack()
        super().__init__(self._stack.enter_context(bringing))

    def __exit__(self, *error: Any) -> None:
        super().close()
        self._stack.__exit__(*error)  # after an error the file stays for the next run

    def close(self) -> None:
        super().close()
        self._stack.close()
