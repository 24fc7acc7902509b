"""Settings of rented machines: ``.pod.env``, or an existing ``.runpod.env``, or the environment.

``pods/pod.env.example`` lists all of them.
"""

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from asr.core.errors import InputError

EXAMPLE = Path("pods/pod.env.example")
CREDENTIALS = (  # of the run; RUNPOD_API_KEY can rent machines and stays here
    "GIT_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "HF_TOKEN", "WANDB_API_KEY",
)  # fmt: skip


@dataclass
class Settings:
    """Values by name; those without one are not there."""

    path: Path
    values: dict[str, str]

    def __getitem__(self, name: str) -> str:
        """The value.

        Raises:
            InputError: if it has none.
        """
        if value := self.get(name):
            return value
        raise InputError(f"{self.path}: {name} is not set; {EXAMPLE} says what it is")

    def get(self, name: str, default: str = "") -> str:
        """The value, or the default if it has none."""
        return self.values.get(name) or default

    def credentials(self) -> dict[str, str]:
        """The credentials that a run gets."""
        return {name: self.values[name] for name in CREDENTIALS if self.values.get(name)}

    def write(self, name: str, value: str) -> None:
        """Set a value, in the file too, which only its owner may read."""
        self.values[name] = value
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        kept = [line for line in lines if line.partition("=")[0].strip() != name]
        partial = self.path.with_name(f".{self.path.name}.partial")
        partial.touch(mode=0o600)
        partial.write_text("".join(f"{line}\n" for line in [*kept, f"{name}={value}"]))
        partial.replace(self.path)


def read_settings(folder: Path) -> Settings:
    """Settings in a folder, the repository's root.

    Raises:
        InputError: names the file and the line that can't be read or has an unknown name, or the
            file if Git would commit it.
    """
    known = _lines(folder / EXAMPLE)
    path = next((p for n in (".pod.env", ".runpod.env") if (p := folder / n).exists()), None)
    found = _lines(path) if path else {}
    if path and path.name == ".pod.env" and (unknown := sorted(found.keys() - known.keys())):
        raise InputError(f"{path}: unknown {unknown}; {EXAMPLE} has all names")
    if path and not _is_ignored(path):
        raise InputError(f"{path}: Git does not ignore it, and it may hold credentials")
    here = {name: os.environ[name] for name in known if os.environ.get(name)}
    return Settings(path or folder / ".pod.env", found | here)


def _lines(path: Path) -> dict[str, str]:
    """The values of ``NAME=value`` lines, as a shell reads them."""
    values = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            words = shlex.split(line.removeprefix("export "), comments=True)
        except ValueError as error:
            raise InputError(f"{path}:{number}: {error}") from error
        if words:
            name, equals, value = " ".join(words).partition("=")
            if not equals or not name.isidentifier():
                raise InputError(f"{path}:{number}: expected NAME=value")  # not what it has
            values[name] = value
    return values


def _is_ignored(path: Path) -> bool:
    words = ("git", "-C", str(path.parent), "check-ignore", "--quiet", path.name)
    return subprocess.run(words, check=False).returncode == 0
