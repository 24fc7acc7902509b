"""Model families, found by name in this one place."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from asr.errors import InputError

FOLDER = Path(__file__).parent


def family_module(family: str, part: str) -> Any:
    """The module ``asr/families/<family>/<part>.py``.

    Imported when it is asked for, so that a stage depends on the chosen family's part alone:
    an edit to one family's decoding reruns no training.
    """
    if not (FOLDER / family / f"{part}.py").is_file():
        known = sorted(path.parent.name for path in FOLDER.glob(f"*/{part}.py"))
        raise InputError(f"model.family: no family {family!r} with {part}.py, there are {known}")
    module: ModuleType = importlib.import_module(f"asr.families.{family}.{part}")
    return module
