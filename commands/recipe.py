"""Run a named list of overrides as an ordinary DVC experiment: ``python -m commands.recipe smoke``.

A recipe is a file in ``recipes/``: dotted keys of params.yaml and their values. This prints the
``dvc exp run`` command, so that you can copy and change it, and runs it in a copy of the repository
(``--temp``): the workspace, its params and its scores don't change.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.params import read_yaml

RECIPES = Path("recipes")


def command(name: str, extra: list[str]) -> list[str]:
    """The ``dvc exp run`` command of a recipe, followed by ``extra`` arguments for dvc.

    Raises:
        InputError: if there is no such recipe, or it is not a mapping of keys to values.
    """
    path = RECIPES / f"{name}.yaml"
    if not path.is_file():
        known = sorted(recipe.stem for recipe in RECIPES.glob("*.yaml"))
        raise InputError(f"{path}: no such recipe, there are {known}")
    overrides = read_yaml(path)
    if not isinstance(overrides, dict):
        raise InputError(f"{path}: expected section.key: value lines, got {overrides!r:.80}")
    words = ["dvc", "exp", "run", "--temp"]
    for key, value in overrides.items():
        words += ["--set-param", f"{key}={in_hydra(value)}"]
    return words + extra


def in_hydra(value: Any) -> str:
    """A value as ``-S`` reads it: no quotes around the keys of a mapping."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {in_hydra(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_hydra, value)) + "]"
    return str(value)


def main() -> int:
    """Print the command and run it; returns dvc's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, usage="%(prog)s NAME [dvc's options]")
    parser.add_argument("name", help="a file in recipes/, without .yaml")
    arguments, extra = parser.parse_known_args()
    try:
        words = command(arguments.name, extra)
    except InputError as error:
        sys.exit(f"recipe: {error}")
    print(shlex.join(words), flush=True)
    return subprocess.run(words, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
