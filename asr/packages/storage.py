"""Publish to object storage, such as S3: a folder for each version."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError
from fsspec.core import url_to_fs

from asr.core.errors import InputError
from asr.core.files import sha256_of
from asr.core.urls import hide_secrets
from asr.packages.publish import State
from asr.packages.write import SUMS

TIMEOUT_S = 20  # per attempt; with boto's defaults a lost storage takes minutes
SHA256 = "sha256"  # key of an S3 object's metadata


@dataclass(frozen=True)
class Storage:
    """A folder of object storage.

    Attributes:
        url: ``s3://bucket/folder``; below it each package has a folder ``<name>-<version>``.
        package: ``<name>-<version>``.
    """

    url: str
    package: str

    @property
    def name(self) -> str:
        """For messages."""
        return hide_secrets(f"{self.url.rstrip('/')}/{self.package}")

    def state(self) -> State:
        """Whether the version is there: its checksums are uploaded last."""
        try:
            files, root = self._open()
            return State(is_public=None, has_version=files.exists(f"{root}/{SUMS}"))
        except (OSError, ValueError, ImportError, BotoCoreError) as error:
            raise self._error("can't be read", error) from error

    def upload(self, folder: Path, public: bool) -> str:
        """Upload what the folder lacks, its checksums last. Who can read it is the bucket's."""
        paths = sorted(
            (path for path in folder.rglob("*") if path.is_file()),
            key=lambda path: (path == folder / SUMS, path),
        )
        try:
            files, root = self._open()
            for path in paths:
                target = f"{root}/{path.relative_to(folder)}"
                sha256 = sha256_of(path)
                if self._stored(files, target) != sha256:
                    self._store(files, path, target, sha256)
        except (OSError, ValueError, BotoCoreError) as error:
            raise self._error("could not be uploaded; the same command resumes", error) from error
        return self.name

    @property
    def _is_s3(self) -> bool:
        return self.url.startswith("s3:")

    def _open(self) -> tuple[Any, str]:
        client = {"connect_timeout": TIMEOUT_S, "read_timeout": TIMEOUT_S,
                  "retries": {"max_attempts": 2}}  # fmt: skip
        options: dict[str, Any] = {"config_kwargs": client} if self._is_s3 else {}
        # No shared instance: fsspec would share cached listings, which are stale here.
        files, root = url_to_fs(
            f"{self.url.rstrip('/')}/{self.package}", skip_instance_cache=True,
            use_listings_cache=False, **options,
        )  # fmt: skip
        return files, root

    def _store(self, files: Any, path: Path, target: str, sha256: str) -> None:
        if self._is_s3:  # has no folders; s3fs would create a bucket that is misspelt
            files.put_file(str(path), target, Metadata={SHA256: sha256})
        else:
            files.makedirs(target.rpartition("/")[0], exist_ok=True)
            files.put_file(str(path), target)

    def _stored(self, files: Any, target: str) -> str | None:
        """The SHA-256 of an object of an upload that was interrupted; None if there is none."""
        if not self._is_s3 or not files.exists(target):
            return None
        found: str | None = files.metadata(target).get(SHA256)
        return found

    def _error(self, what: str, error: Exception) -> InputError:
        return InputError(f"{self.name}: {what}: {hide_secrets(repr(error)):.300}")
