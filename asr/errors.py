"""What a user can mend, told apart from what is a fault of ours."""


class InputError(Exception):
    """Something given to us can't be used.

    The message names the file, utterance or key, what was expected and what was found.
    A stage prints it as one line and exits with 1; any other exception keeps its traceback.
    """
