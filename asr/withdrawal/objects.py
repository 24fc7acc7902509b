"""DVC's objects, in the cache or a remote, checked against the MD5 that is their name.

DVC takes an object that is there for whole: one that was damaged in a remote is never sent again,
and a folder's list (``.dir``) vouches for all files that it names. So what is damaged must be
removed, and with it each list that names it: the next ``dvc push`` or ``dvc pull`` brings it anew.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Protocol

LIST = ".dir"
OBJECT_ID = re.compile(r"[0-9a-f]{32}(\.dir)?")
READ_BYTES = 2**20


class ObjectStore(Protocol):
    """DVC's object database."""

    path: str
    fs: Any

    def path_to_oid(self, path: str) -> str:
        """The name of the object at ``path``: its MD5, with ``.dir`` behind a list's."""


@dataclass(frozen=True)
class Fault:
    """An object that can't stay.

    Attributes:
        path: where it lies.
        why: what was expected and what was found.
    """

    path: str
    why: str


def find_faults(store: ObjectStore, lists_vouch: bool) -> list[Fault]:
    """Objects whose bytes have not the hash in their name.

    Args:
        store: all of it is looked at.
        lists_vouch: whether a list that names a damaged or missing file is a fault too: in a remote
            it hides the lack; in a cache, where DVC looks at each file, it doesn't.
    """
    files = store.fs.fs
    listed = _listed(store)
    objects = {oid: path for path in listed if (oid := _oid(store, path))}
    faults = {}
    for oid, path in objects.items():
        expected = oid.removesuffix(LIST)
        if listed[path] != expected and (got := _md5(files, path)) != expected:
            faults[oid] = Fault(path, f"expected MD5 {expected}, got {got}")
    whole = objects.keys() - faults.keys()
    for oid in [oid for oid in whole if lists_vouch and oid.endswith(LIST)]:
        entries = json.loads(files.cat_file(objects[oid]))
        names = {entry["md5"]: entry["relpath"] for entry in entries}
        if bad := sorted(name for md5, name in names.items() if md5 not in whole):
            why = f"names {len(bad)} files damaged or missing, first {bad[0]}"
            faults[oid] = Fault(objects[oid], why)
    return sorted(faults.values(), key=lambda fault: fault.path)


def remove(store: ObjectStore, faults: list[Fault]) -> None:
    """Remove faulty objects, lists first: one that stayed would vouch for what is gone."""
    for fault in sorted(faults, key=lambda fault: (not fault.path.endswith(LIST), fault.path)):
        store.fs.fs.rm_file(fault.path)


def objects(store: ObjectStore) -> dict[str, str]:
    """Where each object lies, by its name."""
    return {oid: path for path in _listed(store) if (oid := _oid(store, path))}


def _listed(store: ObjectStore) -> dict[str, str]:
    """What the store says of the MD5 of each file; nothing where that is not known unread.

    S3's ETag is the MD5 of what was sent in one part and is not encrypted by a key of its own.
    """
    files = store.fs.fs
    if not files.exists(store.path):
        return {}
    found = files.find(store.path, detail=True)
    if not isinstance(found, dict):  # DVC's own local file system lists names alone
        return dict.fromkeys(found, "")
    return {path: info.get("ETag", "").strip('"') for path, info in found.items()}


def _oid(store: ObjectStore, path: str) -> str:
    """The object's name, or nothing if it is none: a killed pull leaves temporary files."""
    try:
        oid = store.path_to_oid(path)
    except ValueError:
        return ""
    return oid if OBJECT_ID.fullmatch(oid) else ""


def _md5(files: Any, path: str) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with files.open(path, "rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
