"""A machine that SSH reaches: the run is in a tmux session there, so that it outlives this one."""

import io
import shlex
import tarfile
from dataclasses import dataclass
from pathlib import Path

from asr.core.errors import InputError
from asr.pods.console import Console
from asr.pods.settings import Settings
from asr.pods.work import Run

SESSION = "mothertongue"
PORT = 6006  # TensorBoard's
FILES = Path("pods")
# The process of the session, which leads the group of all that the run started.
PID = f'pid=$(tmux list-panes -t "={SESSION}:" -F "#{{pane_pid}}" 2> /dev/null | head -n 1)'


@dataclass(frozen=True)
class Box:
    """A machine, and the folder on it that holds the clone and the log."""

    words: tuple[str, ...]  # that start ssh, with the host as the last
    workdir: str
    console: Console

    def up(self) -> None:
        """Check that it can be reached and has what a run needs."""
        need = "git tmux flock tar python3"
        script = f'for p in {need}; do command -v $p > /dev/null || echo "not installed: $p"; done'
        if missing := self.console.output(*self.words, script).strip():
            raise InputError(f"{self.words[-1]}: {', '.join(missing.splitlines())}")

    def train(self, run: Run) -> None:
        """Send the run and start it, in place of one that runs if it is a restart."""
        self.up()
        if run.variables["RESTART"]:
            self.console.run(*self.words, _stop_script())
        elif self.is_running():
            raise InputError("a run is going on there: pod tail, pod stop, or train with --restart")
        script = (
            f"umask 077 && mkdir -p {self._folder} && cd {self._folder} && tar -x && "
            f"tmux new-session -d -s {SESSION} bash detached.sh"
        )
        self.console.run(
            *self.words, script, stdin=self._files(run),
            shown=f"tar -c run.sh detached.sh environment | {shlex.join([*self.words, script])}",
        )  # fmt: skip

    def is_running(self) -> bool:
        """Whether a run's session is there."""
        return self.console.succeeds(*self.words, f'tmux has-session -t "={SESSION}"')

    def tail(self) -> None:
        """Print the log as it grows, until the run ends."""
        script = (
            f'cd {self._folder} && {PID}; if [ -n "$pid" ]; then exec tail -n 200 -F '
            '--pid="$pid" run.log; else tail -n 200 run.log; echo "pod: no run is going on"; fi'
        )
        self.console.run(*self.words, script)

    def attach(self) -> None:
        """Open the run's terminal; Ctrl-B D leaves it."""
        *flags, host = self.words
        self.console.run(*flags, "-t", host, f'tmux attach -t "={SESSION}"')

    def tensorboard(self) -> None:
        """Serve the curves there, and forward the port."""
        *flags, host = self.words
        script = (
            f"cd {self._folder}/repository && exec .venv/bin/tensorboard --port {PORT} "
            "--logdir .dvc/tmp/logs/tensorboard"
        )
        print(f"http://localhost:{PORT}, once it has started; Ctrl-C ends it")
        self.console.run(*flags, "-t", "-L", f"{PORT}:localhost:{PORT}", host, script)

    def stop(self) -> None:
        """Let training save its state and end; the machine stays up."""
        self.console.run(*self.words, _stop_script())
        print("the run is stopped; the same pod train command resumes it")

    def cost(self) -> None:
        """Say that it is unknown."""
        print(f"{self.words[-1]} is your own machine: nothing here knows what it costs")

    @property
    def _folder(self) -> str:
        # The remote shell expands ~.
        home, slash, rest = self.workdir.partition("/")
        return f"~/{shlex.quote(rest)}" if home == "~" and slash else shlex.quote(self.workdir)

    def _files(self, run: Run) -> bytes:
        """A tar of the scripts, the environment and the bundle."""
        variables = run.variables | run.credentials
        if run.bundle is not None:
            variables["BUNDLE"] = "../work.bundle"
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in variables.items()]
        contents = {name: (FILES / name).read_bytes() for name in ("run.sh", "detached.sh")}
        contents["environment"] = "".join([*lines, 'WORKDIR="$PWD"\n']).encode()
        if run.bundle is not None:
            contents["work.bundle"] = run.bundle
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name, content in contents.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o600
                tar.addfile(entry, io.BytesIO(content))
        return packed.getvalue()


def _stop_script() -> str:
    """Send SIGTERM, after which training saves; SIGKILL after two minutes."""
    return (
        f'{PID}; [ -z "$pid" ] || {{ kill -TERM -- "-$pid"; '
        'for _ in $(seq 120); do kill -0 -- "-$pid" 2> /dev/null || exit 0; sleep 1; done; '
        'kill -KILL -- "-$pid"; }'
    )


def ssh_box(settings: Settings, console: Console) -> Box:
    """The machine at SSH_HOST."""
    return Box(
        ssh_words(
            settings["SSH_HOST"], settings.get("SSH_PORT"), settings.get("SSH_KEY_PATH"),
            *shlex.split(settings.get("SSH_OPTIONS")),
        ),
        settings.get("WORKDIR", "~/mothertongue"), console,
    )  # fmt: skip


def ssh_words(host: str, port: str, key: str, *options: str) -> tuple[str, ...]:
    """The words of an ssh command without what to run."""
    words = ["ssh", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=30", *options]
    if port:
        words += ["-p", port]
    if key:
        if not (path := Path(key).expanduser()).exists():
            raise InputError(f"SSH_KEY_PATH: {path} does not exist")
        words += ["-i", str(path)]
    return (*words, host)
