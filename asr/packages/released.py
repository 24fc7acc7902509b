"""Which packages there are: in the working tree, and at the Git tags that name a version.

A version is tagged as GTO does, ``<name>@v<version>``, which is what ``dvc artifacts get`` reads.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dvc.api
from dvc.exceptions import DvcException
from dvc_data.index import DataIndexDirError

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.packages.manifest import MANIFEST
from asr.packages.write import PACKAGES
from asr.withdrawal.models import git

WORKSPACE = "workspace"  # DVC's name for what is in the working tree
_TAG = re.compile(r"([A-Za-z0-9-]+)@v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")


@dataclass(frozen=True)
class Release:
    """A package somewhere.

    Attributes:
        where: ``workspace`` or a Git tag.
        manifest: None if it can't be read, and then ``why`` has a sentence.
    """

    name: str
    version: str
    where: str
    manifest: dict[str, Any] | None
    why: str = ""


def releases(packages: Path = PACKAGES) -> list[Release]:
    """All packages, those of the working tree first.

    Raises:
        InputError: if a manifest in the working tree is no JSON.
    """
    return [*_in_workspace(packages), *_tagged()]


def _in_workspace(packages: Path) -> Iterator[Release]:
    for path in sorted(packages.glob(f"*/{MANIFEST}")):
        manifest = read_json(path)
        yield Release(manifest["name"], manifest["version"], WORKSPACE, manifest)


def _tagged() -> Iterator[Release]:
    for tag in git("tag", "--list", "--sort=version:refname").splitlines():
        if match := _TAG.fullmatch(tag):
            name, version = match.groups()
            try:
                yield Release(name, version, tag, _read_at(tag, name, version))
            except InputError as error:
                yield Release(name, version, tag, None, str(error))


def _read_at(tag: str, name: str, version: str) -> dict[str, Any]:
    path = PACKAGES / f"{name}-{version}"
    try:
        content = dvc.api.read(str(path / MANIFEST), rev=tag, mode="r")
    except (DvcException, DataIndexDirError, OSError) as error:
        # DVC names a temporary place or a hash; what helps is the command.
        raise InputError(f"not in DVC's cache or remote; `dvc fetch --all-tags {path}`") from error
    found: dict[str, Any] = json.loads(content)
    return found
