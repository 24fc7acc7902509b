"""A real S3 server on loopback: SeaweedFS, whose binary comes with a Python package."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError
from s3fs import S3FileSystem

KEY, SECRET = "test-key", "test-secret"


@dataclass
class S3Server:
    """A server with one bucket, ``dvc``."""

    url: str
    command: list[str]
    log: Path

    def start(self) -> None:
        """Start it, or start it again with what it had, and wait until it takes a file."""
        again = self.log.exists()
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=environment, stdout=log, stderr=log)
        impatient = self.files({"read_timeout": 5, "retries": {"total_max_attempts": 1}})
        impatient.retries = 1
        deadline = time.monotonic() + 180
        while True:
            try:
                # The port answers before the server can store, and a PUT that comes too early
                # may never be answered: only one that is tells.
                if again:
                    impatient.cat_file("dvc/ready")  # what it stored before is at hand again
                impatient.pipe_file("dvc/ready", b"yes")
                return
            except (OSError, BotoCoreError) as error:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise TimeoutError(f"no S3 server: {self.log.read_text()[-2000:]}") from error
                time.sleep(0.5)

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self.process.wait(timeout=30)

    @property
    def credentials(self) -> dict[str, str]:
        """As environment variables."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.url,
        }

    def flip_a_byte_of_everything(self) -> None:
        """Damage every object in the bucket that is not empty, its size unchanged."""
        files = self.files()
        for path in files.find("dvc"):
            if content := files.cat_file(path):
                files.pipe_file(path, bytes([content[0] ^ 1]) + content[1:])

    def files(self, config: dict[str, object] | None = None) -> S3FileSystem:
        """The server's files, by a client with this configuration of botocore's."""
        return S3FileSystem(
            key=KEY, secret=SECRET, endpoint_url=self.url, config_kwargs=config,
            skip_instance_cache=True,
        )  # fmt: skip


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Start it on free ports, wait until it takes a file, kill it at the end."""
    s3, master, volume, filer = _free_ports(4)
    command = [
        "weed", "-logtostderr=true", "mini", f"-dir={folder}", "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1", "-bucket=dvc", f"-s3.port={s3}", f"-master.port={master}",
        f"-volume.port={volume}", f"-filer.port={filer}", "-webdav=false", "-admin.ui=false",
        "-master.telemetry=false",
        "-s3.port.iceberg=0", "-s3.port.lance=0",  # fixed ports, on which a second server stumbles
    ]  # fmt: skip
    server = S3Server(f"http://127.0.0.1:{s3}", command, folder / "log")
    try:
        server.start()
        yield server
    finally:
        server.kill()  # what it holds is done with, and an orderly end waits for the disk


def _free_ports(count: int) -> list[int]:
    """Ports that are free, and 10 000 above them too, where SeaweedFS puts gRPC."""
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            first = held.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1] % 20_000 + 20_000
            try:
                for number in (port, port + 10_000):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", number))
            except OSError:
                continue
            ports.append(port)
        return ports
