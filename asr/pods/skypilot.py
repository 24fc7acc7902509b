"""SkyPilot, by its command ``sky``: RunPod, Lambda, Kubernetes, other clouds, machines over SSH."""

from asr.core.errors import InputError
from asr.pods.console import Console
from asr.pods.settings import Settings
from asr.pods.ssh import PORT
from asr.pods.work import Run

TASK = "pods/sky.yaml"


class SkyPilot:
    """One cluster, or with SPOT=1 one managed job, of the name POD_NAME."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings, self._console = settings, console
        self._name = settings.get("POD_NAME", "mothertongue")
        self._managed = settings.get("SPOT") == "1"

    def up(self) -> None:
        """Create the cluster; a managed job has none of its own."""
        if self._managed:
            raise InputError("SPOT=1: a managed job makes its machine itself: pod train")
        self._console.run("sky", "launch", "--cluster", self._name, *self._resources())

    def train(self, run: Run) -> None:
        """Launch the task, on the cluster if it is up."""
        if run.bundle is not None:
            raise InputError("sky: unpushed work can't be sent there: git push")
        words = ["sky", "jobs", "launch", "--name", self._name]
        if not self._managed:
            words = ["sky", "launch", "--cluster", self._name]
        words += [*self._resources(), "--detach-run"]
        for name, value in run.variables.items():
            words += ["--env", f"{name}={value}"]
        for name in run.credentials:  # sky reads the values from the environment
            words += ["--secret", name]
        self._console.run(*words, TASK)

    def tail(self) -> None:
        """Print the log as it grows."""
        job = ("jobs", "logs", "--name", self._name) if self._managed else ("logs", self._name)
        self._console.run("sky", *job)

    def attach(self) -> None:
        """Open a shell on the cluster, which SkyPilot writes into the SSH configuration."""
        self._console.run("ssh", self._host())

    def tensorboard(self) -> None:
        """Serve the curves there, and forward the port."""
        script = (
            "cd mothertongue/repository && exec .venv/bin/tensorboard "
            f"--port {PORT} --logdir .dvc/tmp/logs/tensorboard"
        )
        print(f"http://localhost:{PORT}, once it has started; Ctrl-C ends it")
        self._console.run("ssh", "-t", "-L", f"{PORT}:localhost:{PORT}", self._host(), script)

    def stop(self) -> None:
        """Take the machine down: no cloud of which SkyPilot stops GPUs is asked for here."""
        if self._managed:
            self._console.run("sky", "jobs", "cancel", "--yes", "--name", self._name)
        else:
            self._console.run("sky", "down", "--yes", self._name)
        where = self._settings.get("MIRROR") or "nowhere, as MIRROR is empty: it starts from 0"
        print(f"the machine is gone, with its disk; pod train resumes from {where}")

    def cost(self) -> None:
        """Print SkyPilot's report."""
        self._console.run("sky", "cost-report")

    def _host(self) -> str:
        if self._managed:
            raise InputError("SPOT=1: SkyPilot opens no shell in a managed job: pod tail")
        return self._name

    def _resources(self) -> list[str]:
        settings = self._settings
        words = []
        if infra := settings.get("INFRA"):
            words += ["--infra", infra]
        if gpu := settings.get("GPU_TYPE"):
            words += ["--gpus", f"{gpu}:{settings.get('GPU_COUNT', '1')}"]
        if self._managed:
            words += ["--use-spot"]
        else:
            minutes = settings.get("IDLE_MINUTES", "30")
            words += ["--idle-minutes-to-autostop", minutes, "--down"]
        return [*words, "--yes"] if self._console.yes else words  # sky shows prices and asks itself
