"""Import a module that ``params.yaml`` names, such as a model family or a corpus format.

The import runs only when the module is needed, so a stage depends only on the chosen module: an
edit to a family's decoding reruns no training, an edit to one corpus format no fetch of another.
"""

import importlib
from pathlib import Path
from types import ModuleType

from asr.core.errors import InputError

ROOT = Path(__file__).parents[2]


def module_by_name(package: str, name: str, key: str) -> ModuleType:
    """Import the module ``name`` of ``package``.

    Args:
        package: such as ``asr.corpus_formats``; a literal in the call, for ``asr.core.closure``.
        name: of a file or a folder in the package.
        key: of params.yaml that holds the name, for the message.

    Raises:
        InputError: if there is no such module, with a list of those that exist.
    """
    folder = ROOT / package.replace(".", "/")
    known = sorted(
        path.stem
        for path in folder.iterdir()
        if path.name[0] not in "._" and (path.suffix == ".py" or path.is_dir())
    )
    if name not in known:
        raise InputError(f"{key}: no {name!r} in {package}, there are {known}")
    return importlib.import_module(f"{package}.{name}")
