"""A remote that dies in the middle: said clearly, and the same command again heals."""

import pytest

from tests.pipeline_repo import PipelineRepo, wait_for
from tests.s3_server import s3_server

pytestmark = pytest.mark.slow
# A second's work for the server each, so that it is killed in time; few, as each that is left costs
# DVC's retries, some 10 s.
NUM_FILES, FILE_BYTES = 3, 128 * 2**20


@pytest.fixture
def server(tmp_path):
    (tmp_path / "server").mkdir()
    with s3_server(tmp_path / "server") as server:
        yield server


@pytest.fixture
def repo(server, tmp_path):
    """A repository with a folder that takes a while to send."""
    repo = PipelineRepo(tmp_path / "repo")
    shards = repo.folder / "shards"
    shards.mkdir(parents=True)
    for number in range(NUM_FILES):
        (shards / f"{number:02d}").write_bytes(bytes([number]) * FILE_BYTES)
    repo.run("git", "init", "--quiet")
    repo.run("dvc", "init", "--quiet")
    repo.run("dvc", "add", "shards")
    repo.run("dvc", "remote", "add", "--default", "storage", "s3://dvc/storage")
    repo.run("dvc", "remote", "modify", "storage", "verify", "true")
    repo.commit("A folder")
    return repo


def cut_off(server, repo, verb, happened):
    """Kill the server while ``dvc push`` or ``dvc pull`` is at work; returns what DVC said."""
    with repo.started("dvc", verb, "--jobs", "1", **server.credentials) as process:
        wait_for(happened)
        server.kill()
        said = process.communicate(timeout=300)[0].decode()
    assert process.returncode != 0
    assert "Traceback" not in said
    server.start()
    return said


def test_a_remote_that_dies_while_pushing_and_pulling_costs_a_repeat(server, repo, tmp_path):
    def sent():
        return server.files().glob("dvc/storage/files/md5/*/*")

    assert "ERROR" in cut_off(server, repo, "push", sent)
    assert len(sent()) < NUM_FILES + 1
    repo.run("dvc", "push", **server.credentials)
    assert len(sent()) == NUM_FILES + 1

    clone = repo.clone(tmp_path / "clone")

    def cached():
        return list(clone.folder.glob(".dvc/cache/files/md5/*/*"))

    assert "ERROR" in cut_off(server, clone, "pull", lambda: len(cached()) >= 2)
    assert not (clone.folder / "shards").exists()
    clone.run("dvc", "pull", **server.credentials)
    for path in (repo.folder / "shards").iterdir():
        assert (clone.folder / "shards" / path.name).read_bytes() == path.read_bytes()
