"""Print each command, ask before one that costs money, run it."""

import shlex
import subprocess
import sys
from dataclasses import dataclass

from asr.core.errors import InputError


@dataclass(frozen=True)
class Console:
    """Runs commands for the user to see; ``yes`` answers every question."""

    yes: bool

    def ask(self, question: str) -> None:
        """Ask before something that costs money.

        Raises:
            InputError: unless the answer is yes.
        """
        if self.yes:
            print(question, "yes (--yes)", flush=True)
            return
        if not sys.stdin.isatty():
            raise InputError(f"{question} nobody to ask here: --yes")
        if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
            raise InputError("nothing was started")

    def run(self, *words: str, stdin: bytes | None = None, shown: str = "") -> None:
        """Print a command and run it.

        Args:
            words: the command.
            stdin: what it reads, such as files with credentials; None: this terminal.
            shown: what is printed in its place.

        Raises:
            InputError: if it is not installed or fails.
        """
        self._done(words, stdin, shown)

    def output(self, *words: str, stdin: bytes | None = None, shown: str = "") -> str:
        """The same, and return what it printed, which is printed too."""
        said = self._done(words, stdin, shown, capture=True).stdout.decode(errors="replace")
        print(said, end="", flush=True)
        return said

    def succeeds(self, *words: str) -> bool:
        """Whether a command succeeds; it is not printed."""
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    def _done(
        self, words: tuple[str, ...], stdin: bytes | None, shown: str, *, capture: bool = False
    ) -> "subprocess.CompletedProcess[bytes]":
        print(f"$ {shown or shlex.join(words)}", flush=True)
        try:
            done = subprocess.run(
                words, input=stdin, check=False,
                stdout=subprocess.PIPE if capture else None,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise InputError(f"{words[0]} is not installed: docs/pods.md") from error
        if done.returncode:
            raise InputError(f"{words[0]} failed with {done.returncode}")
        return done
