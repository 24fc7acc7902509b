"""What a user can mend, told apart from what is a fault of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError


class InputError(Exception):
    """Something given to us can't be used.

    The message names the file, utterance or key, what was expected and what was found.
    A stage prints it as one line and exits with 1; any other exception keeps its traceback.
    """


@contextmanager
def needs(requirements: str, what: str) -> Iterator[None]:
    """Around the import of a package that only some uses need.

    Args:
        requirements: the file of ``requirements/`` that installs it, without its ending.
        what: needs it, as the user asked for it.

    Raises:
        InputError: if it is not installed, with the command that installs it.
    """
    try:
        yield
    except ImportError as error:
        why = " ".join(str(error).split())
        install = f"pip install -r requirements/{requirements}.txt"
        raise InputError(f"{what} needs a package that is not here ({why}): {install}") from error


def faults(error: ValidationError, *keys: str) -> list[str]:
    """A schema's complaints, one ``key: what was expected, got what`` each.

    Args:
        error: as pydantic raises it.
        keys: where the checked value itself stood, such as its section.
    """
    return [
        f"{'.'.join(map(str, (*keys, *fault['loc']))) or 'the line'}: {fault['msg']}, "
        f"got {fault['input']!r:.80}"
        for fault in error.errors()
    ]
