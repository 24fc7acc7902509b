"""The command line of stages and commands: options, errors, exit status."""

import argparse
import inspect
import sys
from collections.abc import Callable

from asr.core.errors import InputError


def run(main: Callable[..., None]) -> None:
    """Call ``main`` with one required ``--option`` per parameter.

    A parameter's annotation converts the option's text: ``path: Path`` reads ``--path data/x``.
    ``InputError`` and ``OSError`` become one line on stderr and exit status 1; a bug keeps its
    traceback.
    """
    parser = argparse.ArgumentParser(description=inspect.getdoc(main))
    for name, parameter in inspect.signature(main, eval_str=True).parameters.items():
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=parameter.annotation, required=True)
    arguments = vars(parser.parse_args())
    try:
        main(**arguments)
    except (InputError, OSError) as error:
        sys.exit(f"{main.__name__}: {error}")
