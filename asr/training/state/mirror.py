"""Training's state in object storage too, for a machine that may vanish with its disk.

A thread looks at the scratch folder every few minutes and uploads what is new: the newest
checkpoint and the files beside it, then a list of them with their hashes. Training never waits for
it and never ends by it: a storage that is gone is said and tried again at the next look. A fresh
machine that runs the same training takes the state from there, each file checked against its hash.
"""

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from pydantic import ValidationError
from tqdm import tqdm

from asr.core.errors import InputError, faults
from asr.core.files import sha256_of
from asr.core.schema import Schema
from asr.training.operations import OperationsParams
from asr.training.state.scratch import newest_step, state_files

LIST = "mirror.json"  # written last: what it names is there whole
PATIENCE_S = 20  # per try; without, a storage that vanished would hold the last upload for minutes


@contextmanager
def mirrored(scratch: Path, params: OperationsParams) -> Iterator[None]:
    """Inside, the state in ``scratch`` is mirrored; what the mirror has of it is fetched before.

    After success the mirror of this run is removed; after a failure it holds the last checkpoint.

    Raises:
        InputError: if ``scratch`` has no checkpoint and the mirror can't be asked for one.
    """
    if not params.checkpoint_mirror:
        yield
        return
    mirror = Mirror(f"{params.checkpoint_mirror}/{scratch.name}", scratch)
    mirror.fetch()
    ended = threading.Event()
    thread = threading.Thread(
        target=mirror.keep, args=(ended, params.mirror_every_minutes * 60), daemon=True
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


class State(Schema):
    """What the list at a mirror's root says."""

    step: int
    files: dict[str, str]  # SHA-256 by name in the scratch folder; also the object's name


class Mirror:
    """One run's state at a URL."""

    def __init__(self, url: str, scratch: Path) -> None:
        # boto's own patience is minutes.
        client = {"connect_timeout": PATIENCE_S, "read_timeout": PATIENCE_S,
                  "retries": {"max_attempts": 2}}  # fmt: skip
        options: dict[str, Any] = {"config_kwargs": client} if url.startswith("s3:") else {}
        # An instance of its own: fsspec shares one, and its cached listings, by default.
        self.files, self.root = url_to_fs(
            url, skip_instance_cache=True, use_listings_cache=False, **options
        )
        self.url, self.scratch = url, scratch
        self.held: set[str] = set()  # hashes of what the list there names

    def fetch(self) -> None:
        """Bring the mirror's state into the scratch folder if it is ahead of what is there."""
        here = newest_step(self.scratch)
        try:
            there = self._read_list()
            if there is None or there.step <= here:
                return
            self._fetch(there)
        except InputError as error:
            # Whole but for one file is not whole: training starts from the last state it can trust.
            tqdm.write(f"mirror passed over: {error}", file=sys.stderr)
        except Exception as error:
            if here < 0:
                raise InputError(
                    f"params.yaml: operations.checkpoint_mirror: {self.url} can't be read, so it "
                    f"is not known whether training goes on from there: {error!r}"
                ) from error
            self._say("can't be read, training goes on from this machine's own state", error)
        else:
            tqdm.write(f"state after step {there.step} fetched from {self.url}", file=sys.stderr)

    def keep(self, ended: threading.Event, every_s: float) -> None:
        """Upload what is new every ``every_s`` seconds until ``ended``."""
        while not ended.wait(every_s):
            self.try_upload()

    def try_upload(self) -> None:
        """Upload what is new; what goes wrong is said, and tried again at the next look."""
        try:
            if (step := newest_step(self.scratch)) >= 0:
                self._upload(step)
        except Exception as error:  # fsspec's file systems have errors of their own
            self._say("training's newest state is not mirrored", error)

    def remove(self) -> None:
        """Remove all that the mirror has of this run."""
        try:
            if self.files.exists(self.root):
                self.files.rm(self.root, recursive=True)
        except Exception as error:  # the run is done; rubbish is no reason to fail it
            self._say("can't be removed, remove it by hand", error)

    def _upload(self, step: int) -> None:
        snapshot = self.scratch / f".mirror.{os.getpid()}.partial"
        shutil.rmtree(snapshot, ignore_errors=True)
        hashes = {}
        for path in state_files(self.scratch, step):
            # Training may drop the file while it is uploaded; a hard link keeps it.
            link = snapshot / path.relative_to(self.scratch)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.hardlink_to(path)
            hashes[str(link.relative_to(snapshot))] = sha256_of(link)
        if (now := set(hashes.values())) != self.held:
            for name, sha256 in hashes.items():
                if sha256 not in self.held:
                    self.files.put_file(str(snapshot / name), f"{self.root}/{sha256}")
            state = State(step=step, files=hashes).model_dump_json()
            self.files.pipe_file(f"{self.root}/{LIST}", state.encode())
            before, self.held = self.held, now
            if gone := sorted(before - now):
                self.files.rm([f"{self.root}/{sha256}" for sha256 in gone])
        shutil.rmtree(snapshot)

    def _read_list(self) -> State | None:
        try:
            content = self.files.cat_file(f"{self.root}/{LIST}")
        except FileNotFoundError:
            return None
        try:
            state = State.model_validate_json(content)
        except ValidationError as error:
            raise InputError(f"{self.url}/{LIST}: {faults(error)[0]}") from error
        self.held = set(state.files.values())
        return state

    def _fetch(self, state: State) -> None:
        """Fetch beside, then move into place, the checkpoint after the files that it names."""
        beside = self.scratch / f".mirror.{os.getpid()}.partial"
        for name, sha256 in state.files.items():
            if not (beside / name).resolve().is_relative_to(beside.resolve()):
                raise InputError(f"{self.url}/{LIST}: expected names of files, got {name!r}")
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            self.files.get_file(f"{self.root}/{sha256}", str(beside / name))
            if (got := sha256_of(beside / name)) != sha256:
                raise InputError(f"{self.url}/{sha256}: {name}: expected this SHA-256, got {got}")
        for whole in sorted(beside.iterdir(), key=Path.is_dir):
            whole.replace(self.scratch / whole.name)
        beside.rmdir()

    def _say(self, what: str, error: Exception) -> None:
        tqdm.write(f"{self.url}: {what}: {error!r}", file=sys.stderr)
