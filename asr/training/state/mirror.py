"""Mirror the state of training to object storage, for machines that may be lost with their disk.

A thread checks the scratch folder every few minutes and uploads new files: the newest checkpoint,
the files beside it, and at last an index with their hashes. Training never waits for the thread. If
the storage fails, the thread prints the error and retries at the next check. When another machine
runs the same training, it downloads the state and verifies the hash of each file.
"""

import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from fsspec.core import url_to_fs
from pydantic import Field, StringConstraints, ValidationError
from tqdm import tqdm

from asr.core.errors import InputError, faults
from asr.core.files import sha256_of
from asr.core.locks import LOCK
from asr.core.schema import Schema
from asr.core.urls import hide_secrets
from asr.training.operations import OperationsParams
from asr.training.state.scratch import checkpoint_folder, newest_step, state_files

INDEX = "mirror.json"  # uploaded last, so all files that it lists are complete
TIMEOUT_S = 20  # per attempt; by default, the last upload of a lost storage takes minutes


@contextmanager
def mirrored(scratch: Path, params: OperationsParams) -> Iterator[None]:
    """Fetch newer state from the mirror, then mirror ``scratch`` while the block runs.

    After success the mirror of this run is removed; after a failure it has the last checkpoint.

    Raises:
        InputError: if ``scratch`` has no checkpoint and the mirror can't be read.
    """
    if not params.checkpoint_mirror:
        yield
        return
    mirror = Mirror(f"{params.checkpoint_mirror}/{scratch.name}", scratch)
    mirror.fetch()
    ended = threading.Event()
    thread = threading.Thread(
        target=mirror.upload_every, args=(ended, params.mirror_every_minutes * 60), daemon=True
    )
    thread.start()
    try:
        yield
    except BaseException:
        ended.set()
        thread.join()
        mirror.try_upload()
        raise
    ended.set()
    thread.join()
    mirror.remove()


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class State(Schema):
    """Schema of ``mirror.json``."""

    step: int = Field(ge=0, lt=10**8)
    files: dict[str, Sha256]  # by name in the scratch folder; objects are named by SHA-256


class Mirror:
    """The mirrored state of one run, at ``url``."""

    def __init__(self, url: str, scratch: Path) -> None:
        # boto's default timeouts add up to minutes.
        client = {"connect_timeout": TIMEOUT_S, "read_timeout": TIMEOUT_S,
                  "retries": {"max_attempts": 2}}  # fmt: skip
        options: dict[str, Any] = {"config_kwargs": client} if url.startswith("s3:") else {}
        # No shared instance: fsspec would share cached listings, which are stale here.
        self.files, self.root = url_to_fs(
            url, skip_instance_cache=True, use_listings_cache=False, **options
        )
        self.url, self.scratch = hide_secrets(url), scratch
        self.uploaded: set[str] = set()  # SHA-256 of the files in the index of the mirror

    def fetch(self) -> None:
        """Download the mirror's state into the scratch folder if its step is newer."""
        here = newest_step(self.scratch)
        try:
            remote = self._read_index()
            if remote is None or remote.step <= here:
                return
            self._fetch(remote)
        except InputError as error:
            # A state with a damaged file is not used; training resumes from the local state.
            tqdm.write(f"mirror skipped: {error}", file=sys.stderr)
        except Exception as error:
            if here < 0:
                raise InputError(
                    f"params.yaml: operations.checkpoint_mirror: expected a readable mirror, since "
                    f"no local state exists; {self.url} can't be read: {hide_secrets(repr(error))}"
                ) from error
            self._warn("can't be read, training resumes from the local state", error)
        else:
            tqdm.write(f"state after step {remote.step} fetched from {self.url}", file=sys.stderr)

    def upload_every(self, ended: threading.Event, every_s: float) -> None:
        """Upload new files every ``every_s`` seconds until ``ended`` is set."""
        while not ended.wait(every_s):
            self.try_upload()

    def try_upload(self) -> None:
        """Upload new files; print an error, to retry at the next call."""
        try:
            if (step := newest_step(self.scratch)) >= 0:
                self._upload(step)
        except Exception as error:  # each of fsspec's file systems raises its own classes
            self._warn("training's newest state is not mirrored", error)

    def remove(self) -> None:
        """Remove the mirror of this run."""
        try:
            if self.files.exists(self.root):
                self.files.rm(self.root, recursive=True)
        except Exception as error:  # the run is done; leftover files must not fail it
            self._warn("can't be removed, remove it by hand", error)

    def _upload(self, step: int) -> None:
        snapshot = self.scratch / f".mirror.{os.getpid()}.partial"
        shutil.rmtree(snapshot, ignore_errors=True)
        hashes = {}
        for path in state_files(self.scratch, step):
            # Training may remove the file during the upload; a hard link preserves the content.
            link = snapshot / path.relative_to(self.scratch)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.hardlink_to(path)
            hashes[str(link.relative_to(snapshot))] = sha256_of(link)
        if (now := set(hashes.values())) != self.uploaded:
            for name, sha256 in hashes.items():
                if sha256 not in self.uploaded:
                    self.files.put_file(str(snapshot / name), f"{self.root}/{sha256}")
            state = State(step=step, files=hashes).model_dump_json()
            self.files.pipe_file(f"{self.root}/{INDEX}", state.encode())
            before, self.uploaded = self.uploaded, now
            if unused := sorted(before - now):
                self.files.rm([f"{self.root}/{sha256}" for sha256 in unused])
        shutil.rmtree(snapshot)

    def _read_index(self) -> State | None:
        try:
            content = self.files.cat_file(f"{self.root}/{INDEX}")
        except FileNotFoundError:
            return None
        try:
            state = State.model_validate_json(content)
        except ValidationError as error:
            raise InputError(f"{self.url}/{INDEX}: {faults(error)[0]}") from error
        self.uploaded = set(state.files.values())
        return state

    def _fetch(self, state: State) -> None:
        """Download to a temporary folder and verify; then move the files, the checkpoint last."""
        partial = self.scratch / f".mirror.{os.getpid()}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        self._check_names(state)
        for name, sha256 in state.files.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                self.files.get_file(f"{self.root}/{sha256}", str(partial / name))
            except FileNotFoundError as error:
                raise InputError(f"{self.url}/{sha256}: expected a file, got none") from error
            if (got := sha256_of(partial / name)) != sha256:
                raise InputError(f"{self.url}/{sha256}: {name}: expected this SHA-256, got {got}")
        for whole in sorted(partial.iterdir(), key=Path.is_dir):
            whole.replace(self.scratch / whole.name)
        partial.rmdir()

    def _check_names(self, state: State) -> None:
        """Raise ``InputError`` unless all names are such as ``_upload`` writes.

        Who can write to the mirror could otherwise replace the lock of the scratch folder, other
        files of this machine, or leave a folder ``step-x`` that no training can read.
        """
        checkpoint = checkpoint_folder(self.scratch, state.step).name
        for name in state.files:
            *folders, file = name.split("/")
            if folders not in ([], [checkpoint]) or not _NAME.fullmatch(file) or name == LOCK:
                raise InputError(
                    f"{self.url}/{INDEX}: expected names of files, in {checkpoint} or in no "
                    f"folder, got {name!r:.80}"
                )
            if not folders and file.startswith("step-"):
                raise InputError(f"{self.url}/{INDEX}: expected {name!r:.80} to be a folder")
        if not any(name.startswith(f"{checkpoint}/") for name in state.files):
            raise InputError(f"{self.url}/{INDEX}: expected files in {checkpoint}, got none")

    def _warn(self, what: str, error: Exception) -> None:
        tqdm.write(f"{self.url}: {what}: {hide_secrets(repr(error))}", file=sys.stderr)
