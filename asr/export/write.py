"""Write a model in several formats, each in a folder of its own."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asr.core.files import atomic_folder, sha256_of, write_json
from asr.export.formats import CannotExportError, ExportFormat, Source

INDEX = "export.json"


def write_exports(
    family: str,
    formats: Mapping[str, ExportFormat],
    wanted: Sequence[str],
    source: Source,
    out: Path,
) -> None:
    """Write the wanted formats and ``export.json``; the same model gives the same bytes.

    Args:
        family: of the model.
        formats: what the family can write.
        wanted: names of formats; one that the family or the model does not have is left out, with
            the reason in ``export.json``.
        source: what to export.
        out: a folder, replaced as a whole once all is written.

    Raises:
        InputError: if the model is damaged or the disk is full.
    """
    written: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    with atomic_folder(out) as partial:
        for name in wanted:
            if name not in formats:
                left_out[name] = f"no model of the family {family} has this format"
                continue
            folder = partial / name
            folder.mkdir()
            try:
                formats[name].write(source, folder)
            except CannotExportError as error:
                left_out[name] = str(error)
                shutil.rmtree(folder)
                continue
            written[name] = {"runtime": formats[name].runtime, **_files(folder)}
        index = {"family": family, "formats": written, "left_out": left_out}
        write_json(partial / INDEX, index)


def _files(folder: Path) -> dict[str, Any]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "bytes": sum(path.stat().st_size for path in paths),
        "files": {path.relative_to(folder).as_posix(): sha256_of(path) for path in paths},
    }
