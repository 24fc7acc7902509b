"""Run a named list of overrides as an ordinary DVC experiment.

    python -m commands.recipe                      # lists the recipes
    python -m commands.recipe smoke                # runs one
    python -m commands.recipe children mac         # several; the later value of a key counts
    python -m commands.recipe ctc -S seed=2 train  # options of dvc exp run, then its stages

A recipe is a file in ``recipes/``: dotted keys of params.yaml and their values. This checks them,
prints the ``dvc exp run`` command, so that you can copy and change it, and runs it in a copy of the
repository (``--temp``): the workspace, its params and its scores don't change.
"""

import argparse
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from itertools import takewhile

from asr.core.errors import InputError
from asr.experiments.recipes import RECIPES, about, combine, names_of_recipes, overrides


def command(names: Sequence[str], extra: Sequence[str]) -> tuple[list[str], list[str]]:
    """The ``dvc exp run`` command of recipes, followed by ``extra`` arguments for dvc.

    Returns:
        Its words, and a note for each value that a later recipe replaces.

    Raises:
        InputError: if there is no such recipe, or params.yaml has a fault with it.
    """
    combined = combine(names)
    words = ["dvc", "exp", "run", "--temp"]
    for line in overrides(combined):
        words += ["--set-param", line]
    return [*words, *extra], combined.notes


def listing() -> str:
    """All recipes, with what the comment at the top of each says."""
    lines = []
    for name in names_of_recipes():
        lines.append(name)
        for part, text in about(RECIPES / f"{name}.yaml").items():
            lines += textwrap.wrap(f"  {part}: {text}", 100, subsequent_indent="    ")
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Print the command and run it; returns dvc's exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        usage="%(prog)s [NAME ...] [dvc's options]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a file of recipes/, no .yaml")
    given = list(sys.argv[1:] if words is None else words)
    names = list(takewhile(lambda word: not word.startswith("-"), given))
    extra = given[len(names) :]
    if not names:
        parser.parse_args(extra)
        print(listing())
        return 0
    try:
        run, notes = command(names, extra)
    except InputError as error:
        sys.exit(f"recipe: {error}")
    for note in notes:
        print(f"recipe: {note}", file=sys.stderr)
    print(shlex.join(run), flush=True)
    return subprocess.run(run, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
