"""Write a package: exports, manifest, card and checksums."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.files import atomic_folder, sha256_of, write_json
from asr.packages.card import CARD, eval_result_files, render_card
from asr.packages.manifest import MANIFEST, OWN, TRANSFORMERS, export_folder
from asr.packages.params import PackageParams

PACKAGES = Path("models/package")
SUMS = "SHA256SUMS"  # as `sha256sum --check` reads it
AT_TOP = (TRANSFORMERS, OWN)  # at the top, where every tool of the hub expects a model


def package_folder(params: PackageParams) -> Path:
    """The folder that dvc.yaml names for these params."""
    return PACKAGES / f"{params.name}-{params.version}"


def write_package(out: Path, export: Path, manifest: Mapping[str, Any]) -> None:
    """Write the package that the manifest describes into the new folder ``out``.

    Raises:
        InputError: if ``out`` exists, an export is not what ``export.json`` says, or the disk is
            full.
    """
    if out.exists():
        raise InputError(
            f"{out}: exists; set package.version in params.yaml to a new version, or remove the "
            "folder"
        )
    with atomic_folder(out) as partial:
        for name, exported in manifest["exports"]["formats"].items():
            to = partial if name in AT_TOP else partial / name
            copy_export(export_folder(export, name), to, exported["files"])
        texts = {CARD: render_card(manifest), **eval_result_files(manifest)}
        for file, text in texts.items():
            write_new(partial / file, text)
        write_json(partial / MANIFEST, manifest)
        write_new(partial / SUMS, checksums(partial))


def copy_export(folder: Path, to: Path, hashes: Mapping[str, str]) -> None:
    """Copy one export's files, and compare the copies' hashes with its description.

    Raises:
        InputError: if a file differs, or one is in the folder that the description lacks.
    """
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    if found != set(hashes):
        raise InputError(
            f"{folder}: expected the files {sorted(hashes)} of export.json, got {sorted(found)}"
        )
    for file, expected in sorted(hashes.items()):
        target = to / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise InputError(f"{folder / file}: another export has a file of this name")
        shutil.copyfile(folder / file, target)
        if (got := sha256_of(target)) != expected:
            raise InputError(f"{folder / file}: expected SHA-256 {expected}, got {got}")


def write_new(path: Path, text: str) -> None:
    """Write a text.

    Raises:
        InputError: if the file exists: an export must not have one of our names.
    """
    if path.exists():
        raise InputError(f"{path}: an export has a file of this name, which is the package's own")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def checksums(folder: Path) -> str:
    """The lines of ``SHA256SUMS``, by path."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return "".join(f"{sha256_of(path)}  {name}\n" for name, path in sorted(files.items()))


def read_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 by path, as ``SHA256SUMS`` lists them.

    Raises:
        InputError: if the folder has none, or a line is no hash and path.
    """
    path = folder / SUMS
    if not path.is_file():
        raise InputError(f"{path}: expected a package's checksums, there is no such file")
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        sha256, gap, name = line.partition("  ")
        if len(sha256) != 64 or not gap or not name:
            raise InputError(f"{path}:{number}: expected a hash and a path, got {line!r:.80}")
        found[name] = sha256
    return found


def check_package(folder: Path) -> None:
    """Compare a package's files with its checksums.

    Raises:
        InputError: with the first file that differs, is missing, or is there without a checksum.
    """
    expected = read_checksums(folder)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    if strange := sorted(found - expected.keys() - {SUMS}):
        raise InputError(f"{folder / strange[0]}: {SUMS} has no such file")
    for name, sha256 in expected.items():
        if name not in found:
            raise InputError(f"{folder / name}: missing, {SUMS} lists it")
        if (got := sha256_of(folder / name)) != sha256:
            raise InputError(f"{folder / name}: expected SHA-256 {sha256}, got {got}")
