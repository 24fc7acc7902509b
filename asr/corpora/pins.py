"""Pins: name, size, hash and address of each file of a source, in place of the files themselves.

With ``keep_raw: false`` fetch writes ``pins.csv`` into the raw folder. `prepare` downloads each
file when it needs it, compares it with its pin, and removes it.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asr.core.csv_files import read_csv, write_csv
from asr.core.errors import InputError

PINS = "pins.csv"
_COLUMNS = ("name", "size_bytes", "hash", "kind", "address")


@dataclass(frozen=True)
class Pin:
    """A file of a source.

    Attributes:
        name: in the source.
        size: in bytes; None if the server does not tell.
        hash: ``sha256:`` or ``git:`` (the SHA-1 of a Git blob) and hexadecimal digits.
        is_archive: whether the corpus's files are inside of it.
        address: where it was found, without secrets; for people.
    """

    name: str
    size: int | None
    hash: str
    is_archive: bool
    address: str

    @property
    def sha256(self) -> bytes | None:
        """SHA-256 of the bytes; None if only another hash is known."""
        kind, _, digits = self.hash.partition(":")
        return bytes.fromhex(digits) if kind == "sha256" else None


def write_pins(path: Path, pins: Iterable[Pin]) -> None:
    """Write ``pins.csv``, sorted by name."""
    rows = (
        (pin.name, pin.size, pin.hash, "archive" if pin.is_archive else "file", pin.address)
        for pin in sorted(pins, key=lambda pin: pin.name)
    )
    write_csv(path, _COLUMNS, rows)


def read_pins(path: Path) -> list[Pin]:
    """Read ``pins.csv``.

    Raises:
        InputError: if it is another table.
    """
    return [
        Pin(
            row["name"],
            int(row["size_bytes"]) if row["size_bytes"] else None,
            row["hash"],
            row["kind"] == "archive",
            row["address"],
        )
        for row in read_csv(path, _COLUMNS)
    ]


def has_pinned_bytes(path: Path, pin: Pin) -> bool:
    """Whether a file on this machine is the pinned one."""
    return path.is_file() and _hash(path, pin) == pin.hash


def check_pin(path: Path, pin: Pin) -> None:
    """Compare a file on this machine with its pin.

    Raises:
        InputError: if it is missing or another one; names the file and both hashes.
    """
    if not path.is_file():
        raise changed(pin, "no such file")
    if (got := _hash(path, pin)) != pin.hash:
        raise changed(pin, got)


def changed(pin: Pin, got: str) -> InputError:
    """The error of a source that has changed since fetch."""
    return InputError(
        f"{pin.address}: {pin.name}: expected {pin.hash}, which fetch pinned, got {got}: the "
        "source changed; dvc repro --force fetch@CORPUS pins what it has now"
    )


def _hash(path: Path, pin: Pin) -> str:
    kind = pin.hash.partition(":")[0]
    digest = hashlib.sha256()
    if kind == "git":
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"{kind}:{digest.hexdigest()}"
