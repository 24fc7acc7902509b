"""Publish to the Hugging Face hub: a repository, and a tag for each version."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from asr.core.errors import InputError
from asr.core.urls import hide_secrets
from asr.packages.publish import State


@dataclass(frozen=True)
class Hub:
    """A repository of the hub.

    Attributes:
        repo: ``owner/name``.
        version: of the package; its tag is ``v<version>``.
    """

    repo: str
    version: str

    @property
    def name(self) -> str:
        """For messages."""
        return f"the hub's {self.repo}"

    @property
    def tag(self) -> str:
        """The tag that is set last, so a version with it is complete."""
        return f"v{self.version}"

    def state(self) -> State:
        """Whether the repository is public and has the tag."""
        if get_token() is None:
            raise InputError(f"{self.name}: needs a token: set HF_TOKEN or run `hf auth login`")
        with self._errors("can't be read"):
            api = HfApi()
            try:
                info = api.model_info(self.repo)
            except RepositoryNotFoundError:
                return State(is_public=None, has_version=False)
            tags = {one.name for one in api.list_repo_refs(self.repo).tags}
            return State(is_public=not info.private, has_version=self.tag in tags)

    def upload(self, folder: Path, public: bool) -> str:
        """Create the repository if there is none, upload what it lacks, set the tag."""
        with self._errors("could not be uploaded; the same command resumes"):
            api = HfApi()
            api.create_repo(self.repo, private=not public, exist_ok=True)
            # A file of an earlier version that this one lacks would look like a part of it.
            commit = api.upload_folder(
                repo_id=self.repo, folder_path=folder, delete_patterns="*",
                commit_message=f"Version {self.version}",
            )  # fmt: skip
            api.create_tag(self.repo, tag=self.tag, revision=commit.oid)
        return f"{api.endpoint}/{self.repo}/tree/{self.tag}"

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Turn the library's errors into one line; no request's header is ever in it."""
        try:
            yield
        except (HfHubHTTPError, HTTPError, OSError, RuntimeError, ValueError) as error:
            why = str(error.__cause__ or error).strip().partition("\n")[0]
            raise InputError(f"{self.name}: {what}: {hide_secrets(why):.300}") from error
