"""Rented machines: one file a provider, each with the methods of ``Provider``.

``pods/run.sh`` does the work on every machine. What is here starts it, and prints each command.
"""

from typing import Protocol

from asr.core.errors import InputError
from asr.pods.console import Console
from asr.pods.settings import Settings
from asr.pods.work import Run


class Provider(Protocol):
    """Where a run can go."""

    def up(self) -> None:
        """Create the machine or resume it, and wait until it can be reached."""

    def train(self, run: Run) -> None:
        """Start a run there, detached, on a machine that is made if there is none."""

    def tail(self) -> None:
        """Print the log as it grows; Ctrl-C leaves the run alone."""

    def attach(self) -> None:
        """Open the terminal of the run, or of its machine."""

    def tensorboard(self) -> None:
        """Serve the training curves at http://localhost:6006."""

    def stop(self) -> None:
        """Stop the run and what costs money."""

    def cost(self) -> None:
        """Print what the machine costs."""


def provider(settings: Settings, console: Console) -> Provider:
    """The provider that PROVIDER names.

    Raises:
        InputError: if there is no such provider.
    """
    name = settings["PROVIDER"]
    if name == "ssh":
        from asr.pods.ssh import ssh_box

        return ssh_box(settings, console)
    if name == "runpod":
        from asr.pods.runpod import RunPod

        return RunPod(settings, console)
    if name == "sky":
        from asr.pods.skypilot import SkyPilot

        return SkyPilot(settings, console)
    if name == "hf":
        from asr.pods.hf_jobs import HfJobs

        return HfJobs(settings, console)
    raise InputError(f"{settings.path}: PROVIDER: expected runpod, sky, hf or ssh, got {name!r}")
