"""Errors that a user can fix, as distinct from bugs in this repository."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from asr.core.urls import hide_secrets


class InputError(Exception):
    """Input, params or the machine are not as a stage needs them.

    The message names the file, utterance or key, what was expected and what was found.
    A stage prints it as one line and exits with 1; other exceptions but OSError keep a traceback.
    """


@contextmanager
def needs(requirements: str, what: str) -> Iterator[None]:
    """Guard the import of an optional package.

    Args:
        requirements: the file of ``requirements/`` that lists it, without ``.txt``.
        what: the key, option or command that needs it, for the message.

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
    """The errors of a schema, each as ``key: what was expected, got what``.

    Args:
        error: from pydantic.
        keys: keys that lead to the checked value, such as its section.
    """
    return [
        f"{'.'.join(map(str, (*keys, *fault['loc']))) or 'the line'}: {_expected_and_got(fault)}"
        for fault in error.errors()
    ]


def _expected_and_got(fault: ErrorDetails) -> str:
    # A check of our own over several fields names what it got; the input is all of them.
    own = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else fault["msg"]
    if ", got " in own:
        return own
    return f"{own}, got {hide_secrets(repr(fault['input'])):.80}"
