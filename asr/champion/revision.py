"""Read what the pipeline wrote at another Git revision, from DVC's cache or remote; nothing reruns.

Two files that DVC stores, the test set's manifest and the tuned model's hypotheses, and one in Git,
the scores, which name the normalizers.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import dvc.api
from dvc.exceptions import DvcException, PathMissingError
from dvc.scm import SCM, SCMError, resolve_rev

from asr.core.errors import InputError
from asr.core.files import read_json, sha256_of
from asr.corpora.test_sets import TEST as TEST_SPLIT
from asr.utterances.hypothesis import Hypothesis, read_hypotheses
from asr.utterances.utterance import Utterance, read_manifest


@dataclass(frozen=True)
class Files:
    """Paths of what the pipeline wrote on one test set, relative to the repository."""

    manifest: str
    hypotheses: str
    scores: str


TEST = Files("data/manifests/test.jsonl", "data/hypotheses/tuned.jsonl", "metrics/score/tuned.json")


def files_of(test_set: str) -> Files:
    """What dvc.yaml calls the files of the split ``test``, or of a further test set."""
    if test_set == TEST_SPLIT:
        return TEST
    return Files(
        f"data/test_sets/manifests/{test_set}.jsonl",
        f"data/test_sets/hypotheses/{test_set}/tuned.jsonl",
        f"metrics/test_sets/{test_set}/tuned.json",
    )


@dataclass(frozen=True)
class Transcribed:
    """A model's hypotheses of a test set.

    Attributes:
        name: for messages and tables: the revision as the user wrote it, or a folder.
        commit: full hash, since a tag or branch may move; None for a folder.
        utterances: the test set.
        hypotheses: by id.
        hypotheses_sha256: of the file with the hypotheses.
        normalizers: IDs by language of that revision's own scores; None if there are none.
    """

    name: str
    commit: str | None
    utterances: list[Utterance]
    hypotheses: dict[str, Hypothesis]
    hypotheses_sha256: str
    normalizers: dict[str, str] | None


def read_revision(revision: str, files: Files = TEST) -> Transcribed:
    """Read a revision's test set and its tuned model's hypotheses of it.

    Args:
        revision: a commit, tag, branch or the name of a DVC experiment.
        files: of the test set.

    Raises:
        InputError: if Git has no such revision, or a file is neither in Git nor in DVC's cache or
            remote, or holds what this code can't read; names revision and file.
    """
    repository, commit = _resolved(revision)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for path in (files.manifest, files.hypotheses, files.scores):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(_content(repository, revision, commit, path))
        try:
            return read_files(
                revision,
                folder / files.manifest,
                folder / files.hypotheses,
                read_json(folder / files.scores)["normalizers"],
                commit,
            )
        except InputError as error:
            raise InputError(str(error).replace(f"{folder}/", f"{revision}:")) from error


def is_scored(revision: str, files: Files) -> bool:
    """Whether a revision has scores of a test set.

    Raises:
        InputError: if Git has no such revision.
    """
    repository, commit = _resolved(revision)
    return bool(dvc.api.DVCFileSystem(repository, rev=commit).exists(files.scores))


def read_workspace(files: Files = TEST) -> Transcribed:
    """Read the same from the working tree.

    Raises:
        InputError: with file, line and key.
        OSError: if a file is missing.
    """
    normalizers = read_json(Path(files.scores))["normalizers"]
    return read_files("workspace", Path(files.manifest), Path(files.hypotheses), normalizers)


def read_files(
    name: str,
    manifest: Path,
    hypotheses: Path,
    normalizers: dict[str, str] | None = None,
    commit: str | None = None,
) -> Transcribed:
    """Read the two files of a folder.

    Raises:
        InputError: with file, line and key.
    """
    return Transcribed(
        name,
        commit,
        read_manifest(manifest),
        read_hypotheses(hypotheses),
        sha256_of(hypotheses),
        normalizers,
    )


def _resolved(revision: str) -> tuple[str, str]:
    """The repository, and the commit that a revision names."""
    # A queue worker runs in a copy of the repository without its tags. DVC_ROOT is the original.
    repository = os.environ.get("DVC_ROOT", ".")
    try:
        return repository, resolve_rev(SCM(repository), revision)
    except SCMError as error:
        raise InputError(
            f"{revision}: expected a Git revision of this repository, got: {error}; `git fetch "
            "--tags` fetches the tags of its origin"
        ) from error


def _content(repository: str, revision: str, commit: str, path: str) -> bytes:
    try:
        content: bytes = dvc.api.read(path, repo=repository, rev=commit, mode="rb")
    except PathMissingError as error:
        raise InputError(
            f"{revision}:{path}: neither in Git at commit {commit[:12]}, nor in DVC's cache or "
            f"remote; `dvc fetch --all-tags {path}` fetches it where a remote has it"
        ) from error
    except DvcException as error:
        raise InputError(f"{revision}:{path}: {error}") from error
    return content
