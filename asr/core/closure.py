"""The import closure of a module: every file of this repository that it imports, and the packages.

DVC does not follow imports. So a test compares the deps in ``dvc.yaml`` with this closure. Caches
finer than a stage's outs (screened recordings, audit results, unfinished training) use its hash as
a part of their key.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]

# The modules that ``params.yaml`` chooses at run time, by package.
Chosen = Mapping[str, Sequence[str]]


@dataclass
class Closure:
    """What a module imports, directly and through others.

    Attributes:
        files: of the repository, relative to its root.
        packages: top-level names of everything else but the standard library.
    """

    files: set[str] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)


def import_closure(module: str, chosen: Chosen | None = None, root: Path = ROOT) -> Closure:
    """Follow the imports of ``module``, those inside functions too.

    Imports under ``if TYPE_CHECKING:`` never run, so they are not followed. An ``__init__.py`` that
    contains only a docstring is left out.

    Args:
        module: such as ``stages.train``.
        chosen: modules that params choose, such as ``{"asr.families": ["whisper"]}``.
        root: the repository.
    """
    closure = Closure()
    queue, seen = [module], set[str]()
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        package = name.partition(".")[0]
        if not (root / package).is_dir() and not (root / f"{package}.py").is_file():
            if package not in sys.stdlib_module_names:
                closure.packages.add(package)
            continue
        if parent := name.rpartition(".")[0]:
            queue.append(parent)  # Python runs the package's __init__.py before the module
        if (file := file_of(name, root)) and _has_code(root / file):
            closure.files.add(file)
            queue += imported_names(root / file, chosen or {})
    return closure


@cache
def code_version(module: str, *families: str) -> str:
    """SHA-256 over ``code_facts``, in hexadecimal."""
    facts = [f"{name} {version}" for name, version in code_facts(module, *families).items()]
    return hashlib.sha256("\n".join(sorted(facts)).encode()).hexdigest()


def code_facts(module: str, *families: str) -> dict[str, str]:
    """The code that ``module`` with ``families`` runs: SHA-256 by file, version by package.

    Comments, docstrings and line breaks are not hashed: they change no result. Python's version is
    included, because a library's behaviour may depend on it.
    """
    closure = import_closure(module, {"asr.families": families})
    facts = {"python": sys.version, **{name: _version(name) for name in closure.packages}}
    for file in closure.files:
        code = code_of(ast.parse((ROOT / file).read_bytes()))
        facts[file] = hashlib.sha256(code.encode()).hexdigest()
    return facts


def file_of(name: str, root: Path) -> str | None:
    """The file of a module; None if the name is no module, such as a function's."""
    place = Path(*name.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if (root / path).is_file():
            return str(path)
    return None


@cache
def _statements(file: Path) -> list[ast.stmt]:
    """The top-level statements of a file, without docstrings and ``TYPE_CHECKING`` blocks."""
    return [
        node
        for node in without_docstrings(ast.parse(file.read_bytes())).body
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        and ast.unparse(node) != "from typing import TYPE_CHECKING"
    ]


def code_of(tree: ast.Module) -> str:
    """The code of a file for comparison: without comments, docstrings and line breaks."""
    return ast.dump(without_docstrings(tree))


def without_docstrings(tree: ast.Module) -> ast.Module:
    """Remove all docstrings from a tree."""
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [one for one in body if not _is_docstring(one)]  # type: ignore[attr-defined]
    return tree


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _has_code(file: Path) -> bool:
    return bool(_statements(file))


def imported_names(file: Path, chosen: Chosen) -> Iterator[str]:
    """Modules that a file imports, also in functions, and names that may be modules or not."""
    for statement in _statements(file):
        for node in ast.walk(statement):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                # `from package import module` and `from module import name` look alike.
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield from _found_by_name(node, chosen)


def _found_by_name(call: ast.Call, chosen: Chosen) -> Iterator[str]:
    """Modules that a call of ``module_by_name`` or ``family_module`` can return."""
    words = [str(word.value) for word in call.args if isinstance(word, ast.Constant)]
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name == "module_by_name" and words:
        yield from (f"{words[0]}.{choice}" for choice in chosen.get(words[0], ()))
    elif name == "family_module" and words:
        families = chosen.get("asr.families", ())
        yield from (f"asr.families.{family}.{words[0]}" for family in families)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        # A few distributions have another name than their package; this search takes 0.2 s.
        distributions = sorted(set(metadata.packages_distributions().get(package, [])))
        return " ".join(f"{name} {metadata.version(name)}" for name in distributions)
