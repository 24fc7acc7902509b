"""What a user can mend, told apart from what is a fault of ours."""

from pydantic import ValidationError


class InputError(Exception):
    """Something given to us can't be used.

    The message names the file, utterance or key, what was expected and what was found.
    A stage prints it as one line and exits with 1; any other exception keeps its traceback.
    """


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
