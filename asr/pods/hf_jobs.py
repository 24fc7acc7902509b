"""Jobs at Hugging Face, by its command ``hf jobs``."""

import re
import shlex

from asr.core.errors import InputError
from asr.pods.console import Console
from asr.pods.settings import Settings
from asr.pods.ssh import FILES
from asr.pods.work import Run

IMAGE = "python:3.12"  # Debian with git and make; torch brings CUDA's libraries


class HfJobs:
    """One job, that of POD_ID."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings, self._console = settings, console

    def up(self) -> None:
        """Say that a job is its own machine."""
        raise InputError("hf: a job makes its machine itself: pod train")

    def train(self, run: Run) -> None:
        """Start a job, and remember its ID."""
        self._console.ask(f"start a job on {self._settings['GPU_TYPE']} (prices: pod cost)?")
        words, shown = self.words(run)
        said = self._console.output(*words, shown=shown)
        found = re.findall(r"\b[0-9a-f]{24}\b", said)
        if not found:
            raise InputError("hf jobs run: expected a job's ID in what it printed")
        self._settings.write("POD_ID", found[-1])

    def words(self, run: Run) -> tuple[list[str], str]:
        """The command that starts a job, and how it is shown: the script is long."""
        if run.bundle is not None:
            raise InputError("hf: unpushed work can't be sent there: git push")
        settings = self._settings
        words = ["hf", "jobs", "run", "--detach", "--ssh", "--flavor", settings["GPU_TYPE"]]
        words += ["--timeout", settings.get("TIMEOUT", "24h")]
        words += ["--attempts", settings.get("ATTEMPTS", "3")]
        words += ["--name", run.variables["EXPERIMENT"]]
        for name, value in run.variables.items():
            words += ["--env", f"{name}={value}"]
        for name in run.credentials:  # hf reads the values from the environment
            words += ["--secrets", name]
        words += [settings.get("IMAGE", IMAGE), "bash", "-c"]
        shown = f'{shlex.join(words)} "$(cat {FILES}/run.sh)"'
        return [*words, (FILES / "run.sh").read_text()], shown

    def tail(self) -> None:
        """Print the log as it grows."""
        self._console.run("hf", "jobs", "logs", "--follow", self._settings["POD_ID"])

    def attach(self) -> None:
        """Open a shell in the job."""
        self._console.run("hf", "jobs", "ssh", self._settings["POD_ID"])

    def tensorboard(self) -> None:
        """Say what shows the curves instead."""
        raise InputError("hf: no port of a job is forwarded: use operations.trackers=[trackio]")

    def stop(self) -> None:
        """Cancel the job."""
        self._console.run("hf", "jobs", "cancel", self._settings["POD_ID"])
        print("the job is gone, with its disk; pod train resumes from MIRROR, if it is set")

    def cost(self) -> None:
        """Print the prices of machines, and the job's."""
        self._console.run("hf", "jobs", "hardware")
        if pod_id := self._settings.get("POD_ID"):
            self._console.run("hf", "jobs", "inspect", pod_id)
