"""How a stage or command reads its command line and ends."""

import argparse
import inspect
import sys
from collections.abc import Callable

from asr.core.errors import InputError


def run(verb: Callable[..., None]) -> None:
    """Call ``verb`` with one required ``--option`` per parameter, and exit with its success.

    A parameter's annotation turns the option's text into its value: ``path: Path`` reads
    ``--path data/x``. What the user or the machine got wrong ends in one line on stderr and exit
    status 1.
    """
    parser = argparse.ArgumentParser(description=inspect.getdoc(verb))
    for name, parameter in inspect.signature(verb, eval_str=True).parameters.items():
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=parameter.annotation, required=True)
    arguments = vars(parser.parse_args())
    try:
        verb(**arguments)
    except (InputError, OSError) as error:
        sys.exit(f"{verb.__name__}: {error}")
