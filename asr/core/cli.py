"""The command line of stages and commands: options, errors, exit status."""

import argparse
import inspect
import signal
import sys
from collections.abc import Callable

from asr.core.errors import InputError
from asr.core.unchanged import StageInputs

INTERRUPTED = 128 + signal.SIGINT  # as shells report it


def run(main: Callable[..., None]) -> None:
    """Call ``main`` with one required ``--option`` per parameter.

    A parameter's annotation converts the option's text: ``path: Path`` reads ``--path data/x``.
    ``InputError`` and ``OSError`` become one line on stderr and exit status 1; a bug keeps its
    traceback. Ctrl-C becomes one line and exit status 130. If params or code changed meanwhile, the
    call fails when it has ended (``asr/core/unchanged.py``).
    """
    parser = argparse.ArgumentParser(description=inspect.getdoc(main))
    for name, parameter in inspect.signature(main, eval_str=True).parameters.items():
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=parameter.annotation, required=True)
    arguments = vars(parser.parse_args())
    inputs = StageInputs()
    try:
        main(**arguments)
        inputs.check()
    except (InputError, OSError) as error:
        sys.exit(f"{main.__name__}: {error}")
    except KeyboardInterrupt:
        print(f"{main.__name__}: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
