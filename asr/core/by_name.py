"""Modules that params choose: the one place where a module is found by its name.

Imported when it is asked for, so that a stage depends on what was chosen alone: an edit to one
family's decoding reruns no training, an edit to one corpus format fetches no other corpus anew.
"""

import importlib
from pathlib import Path
from types import ModuleType

from asr.core.errors import InputError

ROOT = Path(__file__).parents[2]


def module_by_name(package: str, name: str, asked_by: str) -> ModuleType:
    """The module ``name`` of ``package``.

    Args:
        package: as ``asr.corpus_formats``; the import closure reads it where it stands.
        name: of a file or a folder in it.
        asked_by: the key of params.yaml that holds the name, for the message.

    Raises:
        InputError: if there is none, with those that there are.
    """
    folder = ROOT / package.replace(".", "/")
    known = sorted(
        path.stem
        for path in folder.iterdir()
        if path.name[0] not in "._" and (path.suffix == ".py" or path.is_dir())
    )
    if name not in known:
        raise InputError(f"{asked_by}: no {name!r} in {package}, there are {known}")
    return importlib.import_module(f"{package}.{name}")
