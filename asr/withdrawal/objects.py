"""What lies in DVC's object databases: the cache and the remotes.

An object's name is the MD5 of its bytes. A list (``.dir``) names the files of a folder.
"""

import json
import re
from typing import Any

LIST = ".dir"
_OBJECT = re.compile(r".*/([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)")


def files_in(store: Any) -> dict[str, str]:
    """Every file of an object database, and what the store says of its MD5: mostly nothing.

    S3's ETag is the MD5 of what was sent in one part and is not encrypted by a key of its own.
    Not every file is an object: a killed pull leaves temporary ones.
    """
    if not store.fs.exists(store.path):
        return {}
    found = store.fs.fs.find(store.path, detail=True)
    if not isinstance(found, dict):  # DVC's own local file system lists names alone
        return dict.fromkeys(found, "")
    return {path: info.get("ETag", "").strip('"') for path, info in found.items()}


def object_name(path: str) -> str:
    """An object's MD5, with ``.dir`` behind a list's; the path of any other file."""
    match = _OBJECT.fullmatch(path)
    return "".join(match.groups()) if match else path


def listed_files(files: Any, path: str) -> dict[str, str]:
    """What the list at ``path`` names: MD5 by file name."""
    return {entry["relpath"]: entry["md5"] for entry in json.loads(files.cat_file(path))}
