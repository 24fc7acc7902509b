"""Normalizers: what of a transcript counts when it is scored. Found by name in this one place."""

import importlib
from pathlib import Path
from typing import Protocol, cast

from asr.errors import InputError

FOLDER = Path(__file__).parent


class Normalizer(Protocol):
    """What a file of this folder offers: the same treatment for reference and hypothesis."""

    ID: str
    """Name, version, and the versions of what it stands on: it goes wherever the score goes."""

    def normalize(self, text: str, language: str) -> str:
        """Words with single spaces between them, for any text at all.

        Args:
            text: any Unicode.
            language: ISO 639 code, as in the manifest.

        Raises:
            InputError: if the normalizer isn't made for the language.
        """


def text_normalizer(name: str) -> Normalizer:
    """The normalizer ``asr/text/<name>.py``.

    Imported when it is asked for, so that a stage depends on the chosen one alone.
    """
    if not (FOLDER / f"{name}.py").is_file():
        known = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
        raise InputError(f"score.normalizer: no normalizer {name!r}, there are {known}")
    return cast(Normalizer, importlib.import_module(f"asr.text.{name}"))
