"""A real sshd on loopback, for the user who runs the tests."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass(frozen=True)
class SshServer:
    """Where it listens, the key that it takes, and options for a client that never saw it."""

    host: str
    port: int
    user: str
    key: Path
    options: str


@contextmanager
def ssh_server(folder: Path, **environment: str) -> Iterator[SshServer]:
    """Start it in a folder, with tmux sessions of its own; skips the test if there is none.

    Sessions have the variables of ``environment``.
    """
    for program in ("ssh", "tmux", "ssh-keygen"):
        if not shutil.which(program):
            pytest.skip(f"no {program}: apt-get install openssh-client tmux")
    if not SSHD:
        pytest.skip("no sshd: apt-get install openssh-server")
    for name in ("host", "user"):
        key = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
        subprocess.run(key, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "sshd_config"
    variables = {"TMUX_TMPDIR": folder, "PATH": os.environ["PATH"], **environment}
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nPidFile none\n"
        f"SetEnv {' '.join(f'{name}={value}' for name, value in variables.items())}\n"
    )
    with suppress(OSError):
        Path("/run/sshd").mkdir(exist_ok=True)  # where Debian's sshd drops its rights
    server = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", str(config)], stderr=(folder / "log").open("w")
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, (
                    folder / "log"
                ).read_text()
                time.sleep(0.05)
        options = f"-o UserKnownHostsFile={folder}/known -o StrictHostKeyChecking=accept-new"
        yield SshServer("127.0.0.1", port, getpass.getuser(), folder / "user", options)
    finally:
        tmux = {**os.environ, "TMUX_TMPDIR": str(folder)}
        subprocess.run(["tmux", "kill-server"], env=tmux, capture_output=True, check=False)
        server.kill()
        server.wait(30)
