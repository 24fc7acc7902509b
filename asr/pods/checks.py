"""What would waste a rented GPU: storage or Git that can't be written, a wrong clock, a taken name.

``commands/pod`` checks before it rents, ``pods/run.sh`` on the machine before it trains.
"""

import os
import uuid
from datetime import UTC, datetime
from typing import Any

from asr.core.errors import InputError
from asr.core.urls import hide_secrets
from asr.pods.work import git

# S3 refuses signatures that are 15 minutes off.
MAX_CLOCK_ERROR_S = 300
# These have no folders: makedirs would make a bucket.
OBJECT_STORAGE = {"s3", "s3a", "gs", "gcs", "az", "abfs"}
TOKEN_HELPER = {  # the empty helper first, so that no other is asked
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "credential.helper",
    "GIT_CONFIG_VALUE_0": "",
    "GIT_CONFIG_KEY_1": "credential.helper",
    "GIT_CONFIG_VALUE_1": '!f() { echo username=x-access-token; echo "password=$GIT_TOKEN"; }; f',
}


def check_storage(remote: str, mirror: str) -> None:
    """Write a small object to the DVC remote and to the mirror, and remove it.

    Args:
        remote: URL; empty: the repository's default remote.
        mirror: URL; empty: there is none.

    Raises:
        InputError: names the URL that can't be written, or how far the clock is off.
    """
    from dvc.repo import Repo
    from fsspec.core import url_to_fs

    config = {"core": {"remote": "pod"}, "remote": {"pod": {"url": remote}}} if remote else None
    repo = Repo(config=config)
    try:
        store = repo.cloud.get_remote_odb()
    except Exception as error:  # DVC's own errors share no base with those of its storages
        raise InputError(f"DVC remote: {_reason(error)}") from error
    check_writable(store.fs, store.path, f"REMOTE {remote or store.path}")
    if mirror:
        files, folder = url_to_fs(mirror)
        check_writable(files, folder, f"MIRROR {mirror}")


def check_writable(files: Any, folder: str, name: str) -> None:
    """Write, date and remove an object in a folder of a file system."""
    path = f"{folder.rstrip('/')}/check-{uuid.uuid4().hex}"
    try:
        names = {files.protocol} if isinstance(files.protocol, str) else set(files.protocol)
        if not names & OBJECT_STORAGE:
            files.makedirs(folder, exist_ok=True)
        files.pipe_file(path, b"may be removed")
        written = files.modified(path)
        files.rm_file(path)
    except Exception as error:  # each storage has its own
        if "skew" in str(error).lower():
            raise InputError(f"{name}: this machine's clock is wrong: {_reason(error)}") from error
        raise InputError(f"{name}: can't be written: {_reason(error)}") from error
    check_clock(name, written, datetime.now(UTC))


def check_clock(name: str, theirs: datetime, ours: datetime) -> None:
    """Compare the time of a storage with that of this machine.

    Raises:
        InputError: if they differ by more than S3 tolerates.
    """
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    off_s = (ours - theirs).total_seconds()
    if abs(off_s) > MAX_CLOCK_ERROR_S:
        raise InputError(f"this machine's clock is {off_s:+.0f} s off that of {name}: set it")


def check_git(repository: str, experiment: str, *, restart: bool) -> None:
    """See that the Git remote can be written and has no experiment of this name.

    With GIT_TOKEN, as the machine does: with that token, not with this user's own credentials.

    Raises:
        InputError: names the repository or the experiment.
    """
    token = TOKEN_HELPER if os.environ.get("GIT_TOKEN") else {}
    try:
        taken = git("ls-remote", repository, f"refs/exps/*/{experiment}", **token)
        git("push", "--dry-run", "--quiet", repository, "HEAD:refs/pods/check", **token)
    except InputError as error:
        shown = hide_secrets(repository)
        raise InputError(f"REPOSITORY {shown}: can't be written: {error}") from error
    if taken and not restart:
        raise InputError(
            f"{experiment} is taken: {repository} has an experiment of this name; "
            "choose another, or --restart"
        )


def forget_mirror(mirror: str) -> None:
    """Remove an experiment's state from the mirror."""
    from fsspec.core import url_to_fs

    files, folder = url_to_fs(mirror)
    if files.exists(folder):
        files.rm(folder, recursive=True)


def _reason(error: Exception) -> str:
    return hide_secrets(f"{type(error).__name__}: {' '.join(str(error).split())}")[:300]
