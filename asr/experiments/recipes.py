"""Recipes: files of ``recipes/`` with dotted keys of params.yaml and their values, to be combined.

A value replaces what params.yaml has there, a mapping such as ``corpora`` as a whole. The key
``recipes`` lists others that come first. Of two recipes with the same key the later one counts.
"""

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from asr.core.errors import InputError
from asr.core.params import MODELS, PARAMS, load_seed, read_yaml

RECIPES = Path("recipes")
FIRST = "recipes"  # the key with the recipes that come before
OPTION = "-S"  # the origin of values of the command line
ABOUT = ("For", "Needs", "Reached")  # what the comment at the top of each file says
_PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)  # a string that Hydra reads as such, unquoted


@dataclass
class Combined:
    """Several recipes as one.

    Attributes:
        values: by dotted key.
        origins: the recipe that each key's value comes from.
        notes: a line for each value that a later recipe replaced.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, values: dict[str, Any]) -> None:
        """Add a recipe's values, which replace equal keys and those below its own."""
        for key, value in values.items():
            for old in [one for one in self.values if one == key or one.startswith(f"{key}.")]:
                before, origin = self.values.pop(old), self.origins.pop(old)
                if (old, before) != (key, value):
                    self.notes.append(
                        f"{key}: {value!r} of recipe {name} replaces "
                        f"{'' if old == key else old + ' '}{before!r} of recipe {origin}"
                    )
            self.values[key], self.origins[key] = value, name


def combine(names: Iterable[str], folder: Path = RECIPES) -> Combined:
    """Read recipes, in order, each after those that its key ``recipes`` names.

    Raises:
        InputError: if there is no such recipe, or it is no mapping of keys to values.
    """
    combined = Combined()
    for name in names:
        _add(combined, name, (), folder)
    return combined


def _add(combined: Combined, name: str, above: tuple[str, ...], folder: Path) -> None:
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise InputError(f"{path}: no such recipe, there are {names_of_recipes(folder)}")
    if name in above:
        raise InputError(f"{path}: {FIRST}: expected no circle, got {' → '.join((*above, name))}")
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected section.key: value lines, got {values!r:.80}")
    first = values.pop(FIRST, [])
    if not isinstance(first, list):
        raise InputError(f"{path}: {FIRST}: expected a list of recipes, got {first!r:.80}")
    for other in first:
        _add(combined, str(other), (*above, name), folder)
    combined.add(name, values)


def add_options(combined: Combined, options: Iterable[str]) -> None:
    """Add values of the command line, each ``section.key=value``, as YAML.

    Raises:
        InputError: if one is no key and value.
    """
    for option in options:
        key, equals, value = option.partition("=")
        if not (key and equals):
            raise InputError(f"{OPTION}: expected section.key=value, got {option!r}")
        try:
            combined.add(OPTION, {key: YAML(typ="safe").load(value)})
        except YAMLError as error:
            raise InputError(f"{OPTION} {key}: expected YAML, got {value!r}") from error


def names_of_recipes(folder: Path = RECIPES) -> list[str]:
    """All recipes, in the order of the alphabet."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def about(path: Path) -> dict[str, str]:
    """Whom a recipe is for, what it needs, and what it reached, by the comment at its top."""
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    text = " ".join(line.lstrip("# ") for line in lines[:end])
    parts = re.split(rf"\b({'|'.join(ABOUT)}): ", text)[1:]
    return dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))


def overrides(combined: Combined, params: Path = PARAMS) -> list[str]:
    """The values as DVC's ``--set-param`` reads them, after a check of params.yaml with them.

    Raises:
        InputError: every fault at once, each with file, key, expected and got.
    """
    return edited(combined, params)[1]


def edited(combined: Combined, params: Path = PARAMS) -> tuple[Any, list[str]]:
    """The content of params.yaml with the values, checked; and the lines of ``overrides``.

    Raises:
        InputError: as ``overrides``.
    """
    content = _with_styles(params)
    lines: list[str] = []
    for key, value in combined.values.items():
        try:
            lines += _edits(content, key, value)
        except InputError as error:
            raise InputError(f"{_file(combined.origins[key])}: {error}") from None
    check(content, combined.origins, params)
    return content, lines


def _with_styles(path: Path) -> Any:
    """The content of a YAML file, whose mappings know if they are in {} or a block of lines."""
    read_yaml(path)  # an error names the file
    return YAML().load(path.read_text(encoding="utf-8"))


def _edits(content: Any, key: str, value: Any) -> Iterator[str]:
    """Set a key in ``content``; yields what does the same in Hydra, which only merges mappings."""
    *above, last = key.split(".")
    node = content
    for name in above:
        node = node.setdefault(name, {}) if isinstance(node, dict) else {}
    there = isinstance(node, dict) and last in node
    if there and isinstance(value, dict) and isinstance(node[last], dict):
        style = getattr(node[last], "fa", None)  # none of a mapping that a recipe has put there
        if node[last] and not value and style and not style.flow_style():
            # It would leave {} on a line of its own, at the margin: no YAML.
            raise InputError(
                f"{key}: expected a key or more, since DVC can't empty a block, got {{}}"
            )
        for old in [one for one in node[last] if one not in value]:
            del node[last][old]
            yield f"~{key}.{old}"
        for name, one in value.items():
            yield from _edits(content, f"{key}.{name}", one)
        return
    node[last] = value
    yield f"{'' if there else '+'}{key}={in_hydra(value)}"


def in_hydra(value: Any) -> str:
    """A value as ``-S`` reads it: no quotes around the keys of a mapping."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {in_hydra(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_hydra, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str) and (
        not _PLAIN.fullmatch(value) or value.lower() in ("null", "true", "false", "nan", "inf")
    ):
        return "'" + re.sub(r"(\\*)'", r"\1\1\\'", re.sub(r"(\\+)$", r"\1\1", value)) + "'"
    return str(value)


def check(content: Any, origins: dict[str, str], params: Path) -> None:
    """Check params as a stage does; a fault names the recipe whose key it is.

    Raises:
        InputError: every fault at once.
    """
    with tempfile.TemporaryDirectory() as folder:
        copied = written(content, Path(folder), params)
        try:
            load_seed(copied)
        except InputError as error:
            lines = str(error).replace(f"{copied.parent}/", "").splitlines()
            named = (_named(line.removeprefix(f"{PARAMS}: "), origins) for line in lines)
            raise InputError("\n".join(named)) from error


def written(content: Any, folder: Path, params: Path = PARAMS) -> Path:
    """Write params into a folder, with the models that they choose from; returns the file."""
    copied = folder / PARAMS
    with copied.open("w", encoding="utf-8") as file:
        YAML().dump(content, file)
    if (models := params.parent / MODELS).is_file():
        (folder / MODELS).parent.mkdir()
        shutil.copy(models, folder / MODELS)
    return copied


def _file(origin: str) -> str:
    """Where a value comes from: a recipe's file, or the option of the command line."""
    return origin if origin == OPTION else f"{RECIPES / origin}.yaml"


def _named(fault: str, origins: dict[str, str]) -> str:
    """A fault with the file that has its key: a recipe, or params.yaml."""
    key = fault.partition(":")[0]
    for one, name in origins.items():
        if f"{one}.".startswith(f"{key}.") or f"{key}.".startswith(f"{one}."):
            return f"{_file(name)}: {fault}"
    return f"{PARAMS} with these values: {fault}"
