"""A Debian package. apt downloads it from the configured mirrors; no root rights are needed."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.core.urls import hide_secrets
from asr.sources.archives import Content, Wants, read_archive
from asr.sources.downloads import download
from asr.sources.params import FetchParams


class Package(Schema):
    """A package at a version; ``apt-cache show`` prints the ``sha256`` of the .deb."""

    package: str = Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")
    version: str = Field(pattern=r"^[A-Za-z0-9.+~:-]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Source(Package):
    """Block of ``conf/sources.yaml``.

    Attributes:
        also: packages whose files are read too, such as the transcripts of the recordings.
    """

    kind: Literal["debian"]
    also: list[Package] = Field([])
    license: str = Field(min_length=1)


def fetch_files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, Content]]:
    """Yield (name, content) of the wanted files, in the packages' order; caches the downloads."""
    for one in (source, *source.also):
        yield from read_archive(_downloaded(one), wants, limits)


def _downloaded(source: Package) -> Path:
    name = f"{source.package}_{source.version}.deb"
    return download(name, source.sha256, lambda folder: _apt_download(source, folder))


def _apt_download(source: Package, folder: Path) -> Path:
    wanted = f"{source.package}={source.version}"
    try:
        done = _apt("apt-get", "-qq", "download", wanted, folder=folder)
    except FileNotFoundError as error:
        raise InputError(
            f"{wanted}: a source of kind debian needs apt-get, which is not installed here; "
            "use kind folder, archive or https in conf/sources.yaml"
        ) from error
    if done.returncode == 0 and (packages := list(folder.glob("*.deb"))):
        return packages[0]
    raise InputError(f"{wanted}: {_reason(source, done.stderr)}")


def _reason(source: Package, stderr: str) -> str:
    """Translate apt's error output into a cause and a remedy."""
    if "Unable to locate package" in stderr:
        return "apt's lists do not contain this package; run `sudo apt-get update` and try again"
    if "was not found" in stderr:
        known = _apt("apt-cache", "madison", source.package, folder=Path.cwd()).stdout
        versions = sorted({line.split("|")[1].strip() for line in known.splitlines()})
        return (
            f"expected this version, got {versions} from apt; run `sudo apt-get update`, or pin one"
            f" of them in conf/sources.yaml with the SHA256 of `apt-cache show {source.package}`"
        )
    lines = [line for line in stderr.splitlines() if line.startswith("E:")]
    return (
        f"apt could not download it: {hide_secrets(' '.join(lines) or stderr.strip())} "
        "(check the network; if apt's lists are old, run `sudo apt-get update`)"
    )


def _apt(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # _reason searches the messages for English phrases.
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
