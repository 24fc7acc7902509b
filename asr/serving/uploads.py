"""Files that one request uploads and later ones name, until they are too old or too many."""

import asyncio
import shutil
import tempfile
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from asr.serving.errors import ApiError
from asr.serving.params import UploadsParams


@dataclass(frozen=True)
class _Upload:
    path: Path
    owner: str
    since: float


class Uploads:
    """A temporary folder of files under random names; a client's file name goes nowhere."""

    def __init__(self, params: UploadsParams) -> None:
        self._params = params
        self._folder = tempfile.TemporaryDirectory(prefix="mothertongue-uploads-")
        self._uploads: OrderedDict[str, _Upload] = OrderedDict()

    async def add(self, file: BinaryIO, owner: str) -> str:
        """Store a file of a caller; returns its id."""
        name = uuid4().hex
        path = Path(self._folder.name, name)
        try:
            await asyncio.to_thread(_copy, file, path)
        except BaseException:  # the request's time is over, or the disk is full
            path.unlink(missing_ok=True)
            raise
        self._uploads[name] = _Upload(path, owner, time.monotonic())
        while len(self._uploads) > self._params.max_files:
            self._remove(next(iter(self._uploads)))
        self._remove_old()
        return name

    def path(self, name: str, owner: str) -> Path:
        """The file of an id.

        Raises:
            ApiError: if there is no such file, or another caller uploaded it.
        """
        self._remove_old()
        found = self._uploads.get(name)
        if found is None or found.owner != owner:
            raise ApiError(404, "file_id: expected one that /upload returned", "file_id",
                           "file_not_found")  # fmt: skip
        return found.path

    def _remove_old(self) -> None:
        limit = time.monotonic() - self._params.keep_s
        for name in [name for name, one in self._uploads.items() if one.since < limit]:
            self._remove(name)

    def _remove(self, name: str) -> None:
        self._uploads.pop(name).path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove all."""
        self._folder.cleanup()


def _copy(file: BinaryIO, path: Path) -> None:
    file.seek(0)
    with path.open("wb") as copy:
        shutil.copyfileobj(file, copy)
