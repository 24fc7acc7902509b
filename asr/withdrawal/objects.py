"""List the objects in DVC's cache and remotes.

An object's name is the MD5 of its bytes. An object ``.dir`` lists the files of a folder.
"""

import json
import re
from typing import Any

LIST = ".dir"
_OBJECT = re.compile(r".*/([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)")


def files_in(store: Any) -> dict[str, str]:
    """Return all files of an object database by path, with the store's ETag, often empty.

    S3's ETag is the file's MD5 unless the upload had several parts or a key of its own.
    Not every file is an object: a killed pull leaves temporary files.
    """
    if not store.fs.exists(store.path):
        return {}
    found = store.fs.fs.find(store.path, detail=True)
    if not isinstance(found, dict):  # DVC's local file system returns names without details
        return dict.fromkeys(found, "")
    return {path: info.get("ETag", "").strip('"') for path, info in found.items()}


def object_name(path: str) -> str:
    """An object's MD5, with its ending ``.dir`` if any; for other files, the path."""
    match = _OBJECT.fullmatch(path)
    return "".join(match.groups()) if match else path


def listed_files(files: Any, path: str) -> dict[str, str]:
    """Read the ``.dir`` object at ``path``: MD5 by file name."""
    return {entry["relpath"]: entry["md5"] for entry in json.loads(files.cat_file(path))}
