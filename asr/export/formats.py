"""What a family says of a format that it exports to."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from asr.core.errors import InputError
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform

# Transcribes one clip with at most so many tokens.
Reader = Callable[[Waveform, Utterance, int], str]
Open = Callable[[Path, Path, int], Reader]


class CannotExportError(Exception):
    """A format can't hold the model; the message is the reason, which ``export.json`` repeats."""


@dataclass(frozen=True)
class Source:
    """What there is to export.

    Attributes:
        model: folder of the tuned model.
        base: folder of the model before tuning.
        languages: those of the training set.
    """

    model: Path
    base: Path
    languages: tuple[str, ...]


def _no_faults(model: Path, folder: Path) -> list[str]:
    return []


@dataclass(frozen=True)
class ExportFormat:
    """A format of other tools.

    Attributes:
        runtime: the Python package that reads it in the parity check.
        write: fills an empty folder. Raises ``CannotExportError`` if the format can't hold the
            model.
        open: loads a folder in its runtime, given the model, the folder and a number of threads;
            None where nothing is compared: a format that nobody should read, or no whole model.
        quantized: whether weights are rounded to less than 16 bits.
        faults: compares settings that no transcript shows in a model and its export.
    """

    runtime: str
    write: Callable[[Source, Path], None]
    open: Open | None
    quantized: bool = False
    faults: Callable[[Path, Path], list[str]] = _no_faults


def cannot(reason: str) -> ExportFormat:
    """A format that can't hold a model of the family, for this reason."""

    def refuse(source: Source, out: Path) -> None:
        raise CannotExportError(reason)

    return ExportFormat("", refuse, None)


def installed(runtime: str) -> str:
    """A runtime with its version, such as ``faster-whisper 1.2.1``.

    Raises:
        InputError: if the package is not installed.
    """
    try:
        return f"{runtime} {version(runtime)}"
    except PackageNotFoundError as error:
        raise InputError(
            f"parity needs the package {runtime} to read an export, and it is not here: "
            "pip install -r requirements.txt"
        ) from error


def copy_folder(source: Source, out: Path) -> None:
    """Copy a model that is in the format already: merged, in float32."""
    shutil.copytree(source.model, out, dirs_exist_ok=True, copy_function=shutil.copyfile)
