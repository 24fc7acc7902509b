"""Fail a stage whose params or code changed while it ran.

DVC hashes params and code when a stage has ended. Without this check, ``dvc.lock`` would record the
new params as those that made the outs, and no later ``dvc repro`` would correct it.
"""

import ast
import os
from pathlib import Path
from typing import Any

from asr.core.closure import ROOT, code_of
from asr.core.errors import InputError
from asr.core.params import loaded, value_of

# They change no result, so DVC does not record them.
NOT_RECORDED = ("operations",)


class StageInputs:
    """The code of the repository as it is when this object is made, and all params loaded since.

    Without effect in a process that DVC did not start: what it makes is not recorded.
    """

    def __init__(self) -> None:
        self._recorded = "DVC_STAGE" in os.environ
        files = (file for room in ("asr", "stages") for file in (ROOT / room).rglob("*.py"))
        self._code = {file: file.read_bytes() for file in files} if self._recorded else {}

    def check(self) -> None:
        """Compare with what is on disk now; comments and docstrings may differ.

        Raises:
            InputError: with the params and files that changed.
        """
        if not self._recorded:
            return
        changed = [
            f"{path}: {'.'.join(keys)}"
            for (path, keys), value in loaded.items()
            if keys[0] not in NOT_RECORDED and _differs(path, keys, value)
        ]
        changed += [
            str(file.relative_to(ROOT))
            for file, before in self._code.items()
            if _read(file) != before and _code(before) != _code(_read(file))
        ]
        if changed:
            raise InputError(
                f"changed while the stage ran: {', '.join(changed)}; DVC would record the new as "
                "what made these outs, so nothing is recorded: run the same command again"
            )


def _differs(path: Path, keys: tuple[str, ...], value: Any) -> bool:
    try:
        return bool(value_of(path, keys) != value)
    except (InputError, KeyError, TypeError):
        return True


def _read(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""


def _code(source: bytes) -> str:
    try:
        return code_of(ast.parse(source))
    except SyntaxError:
        return ""
