"""A name for the code that made a result, so that a kept result is used only where it would repeat.

DVC's deps name a stage's files for the same reason; this is for what is kept in smaller pieces.
"""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path


@cache
def code_version(module: str) -> str:
    """SHA-256 over a module, all that it imports of this repository, and other packages' versions.

    Args:
        module: as ``asr.judging``. Imports are read from its source, those in functions too.

    Returns:
        In hexadecimal; also of Python's version, since a library's behaviour may hang on it.
    """
    facts = {f"python {sys.version}"}
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name.partition(".")[0] in sys.stdlib_module_names:
            continue
        seen.add(name)
        if not name.startswith("asr."):
            facts.add(_package(name.partition(".")[0]))
        elif source := _source(name):
            facts.add(f"{name} {hashlib.sha256(source.read_bytes()).hexdigest()}")
            waiting += _imports(source)
            waiting.append(name.rpartition(".")[0] + ".__init__")  # runs before the module does
    return hashlib.sha256("\n".join(sorted(facts)).encode()).hexdigest()


def _source(name: str) -> Path | None:
    """A module's file, None for what only looks like one: ``asr.audio.decode`` is a function."""
    try:
        spec = importlib.util.find_spec(name.removesuffix(".__init__"))
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _imports(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _package(name: str) -> str:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        # A distribution is now and then named otherwise than what it holds; looking takes 0.2 s.
        distributions = sorted(set(metadata.packages_distributions().get(name, [])))
        return " ".join([name, *(f"{d} {metadata.version(d)}" for d in distributions)])
