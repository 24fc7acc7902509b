"""Model families, found by name in this one place."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from asr.core.errors import InputError

FOLDER = Path(__file__).parent


def family_module(family: str, part: str) -> Any:
    """The module ``asr/families/<family>/<part>.py``; ``part`` as ``judge.judge``.

    Imported when it is asked for, so that a stage depends on the chosen family's part alone:
    an edit to one family's decoding reruns no training.
    """
    place = f"{part.replace('.', '/')}.py"
    if not (FOLDER / family / place).is_file():
        known = sorted(str(path.relative_to(FOLDER).parts[0]) for path in FOLDER.glob(f"*/{place}"))
        raise InputError(f"model.family: no family {family!r} with {place}, there are {known}")
    module: ModuleType = importlib.import_module(f"asr.families.{family}.{part}")
    return module
