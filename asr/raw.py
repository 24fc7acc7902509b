"""A corpus as its source has it: files by name, untouched, in one tar; provenance beside it."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from asr.errors import InputError, faults
from asr.files import read_json, write_json
from asr.schemas import Schema

FILES = "files.tar"
PROVENANCE = "source.json"


@dataclass(frozen=True)
class Recording:
    """What a corpus format finds: a recording, and what the source says of it.

    Attributes:
        name: unique in its corpus; the utterance's id is ``<corpus>/<name>``.
        text: raw transcript, or None where the source has none.
        audio: encoded bytes, as the file holds them.
        file: name of that file in the source.
        speaker_id: who speaks, if the source says.
        session_id: the sitting, if the source says.
        attributes: whatever else the source says.
    """

    name: str
    text: str | None
    audio: bytes
    file: str
    speaker_id: str | None = None
    session_id: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


class Provenance(Schema):
    """Where a corpus's files came from; ``source.json`` beside them.

    Attributes:
        kind: of the source, as in ``conf/sources.yaml``.
        origin: ``package=version``, path or address.
        sha256: of the package or archive, in hexadecimal; None for a folder, which has none.
        license: SPDX identifier of the files' license.
        num_files: files in the tar, so that a shortened tar is noticed.
    """

    kind: Literal["debian", "folder", "archive", "https"]
    origin: str = Field(min_length=1)
    sha256: str | None
    license: str = Field(min_length=1)
    num_files: int = Field(ge=1)


def write_files(path: Path, files: Iterable[tuple[str, bytes]]) -> int:
    """Write files to an uncompressed tar as they come, one in memory at a time.

    The bytes depend on names and contents alone: no times, no owners. Uncompressed, since audio is
    compressed already and a reader can then jump to any file.

    Returns:
        How many files were written.

    Raises:
        InputError: if a name comes twice.
    """
    seen: set[str] = set()
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files:
            if name in seen:
                raise InputError(f"{name}: the source has two files of this name")
            seen.add(name)
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
            _forget_members(tar)
    return len(seen)


def write_provenance(folder: Path, provenance: Provenance) -> None:
    """Write ``source.json`` into a raw folder."""
    write_json(folder / PROVENANCE, provenance.model_dump())


def read_provenance(folder: Path) -> Provenance:
    """Read ``source.json`` of a raw folder."""
    path = folder / PROVENANCE
    try:
        return Provenance.model_validate(read_json(path))
    except ValidationError as error:
        raise InputError(f"{path}: {faults(error)[0]}") from error


class RawFiles:
    """The files of a raw folder: a read-only mapping from name to bytes, in the order of names.

    Only names and places are held in memory; bytes are read when asked for.
    """

    def __init__(self, folder: Path) -> None:
        """Index the tar of ``folder``.

        Raises:
            InputError: if the tar is not whole.
        """
        self._path = folder / FILES
        self._file = self._path.open("rb")
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                members = sorted(_members(tar))
        except tarfile.TarError as error:
            raise InputError(f"{self._path}: expected a whole tar, got {error}") from error
        self._places = {name: (offset, size) for name, offset, size in members}
        # A tar that was cut between two files reads as a shorter tar without complaint.
        if len(members) != (expected := read_provenance(folder).num_files):
            raise InputError(f"{self._path}: expected {expected} files, got {len(members)}")

    def __getitem__(self, name: str) -> bytes:
        offset, size = self._places[name]
        self._file.seek(offset)
        content = self._file.read(size)
        if len(content) != size:
            raise InputError(f"{self._path}: {name}: expected {size} bytes, got {len(content)}")
        return content

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, int, int]]:
    """Name, offset and size of each file."""
    while member := tar.next():
        _forget_members(tar)
        yield member.name, member.offset_data, member.size


def _forget_members(tar: tarfile.TarFile) -> None:
    """Tarfile keeps a kilobyte of each file that it read or wrote."""
    tar.members = []  # type: ignore[attr-defined]
