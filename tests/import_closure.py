"""What a stage's script imports from this repository, directly and through others."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

# Modules that are found by name at run time: the function that finds them, and their place.
# `{0}` is the choice that params make, `{1}` the string given in the call.
FOUND_BY_NAME = {
    "family_module": ("families", "asr/families/{0}/{1}.py"),
    "corpus_format": ("corpora", "asr/corpora/{0}.py"),
    "text_normalizer": ("text", "asr/text/{0}.py"),
}


def import_closure(script: Path, chosen: Mapping[str, str], root: Path) -> set[str]:
    """Paths, relative to ``root``, of ``script`` and all that it imports from the repository.

    Args:
        script: relative to ``root``.
        chosen: for families, corpora and text, the modules that params may choose, parted by
            spaces.
        root: the repository.
    """
    found: set[str] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if str(path) in found:
            continue
        found.add(str(path))
        tree = _tree(root / path)
        for imported in (*_imported(tree, root), *_found_by_name(tree, chosen)):
            waiting += [file for file in _with_packages(imported, root) if str(file) not in found]
    return found


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def _imported(tree: ast.AST, root: Path) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # `from package import module` and `from module import name` look alike.
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        else:
            continue
        for name in names:
            place = Path(*name.split("."))
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                if (root / path).is_file():
                    yield path


def _found_by_name(tree: ast.AST, chosen: Mapping[str, str]) -> Iterator[Path]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in FOUND_BY_NAME:
            kind, place = FOUND_BY_NAME[node.func.id]
            constants = [a.value for a in node.args if isinstance(a, ast.Constant)]
            for choice in chosen[kind].split():
                yield Path(place.format(choice, *constants))


def _with_packages(path: Path, root: Path) -> Iterator[Path]:
    """The file and the packages it lies in, but for those that hold only a docstring."""
    for file in (path, *(folder / "__init__.py" for folder in path.parents)):
        if (root / file).is_file() and _does_something(root / file):
            yield file


def _does_something(file: Path) -> bool:
    return any(
        not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in _tree(file).body
    )
