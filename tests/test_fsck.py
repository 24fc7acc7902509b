"""Damage in a real remote is named, removed and healed by the next push."""

import pytest

from tests.pipeline_repo import ROOT, PipelineRepo
from tests.s3_server import s3_server

pytestmark = pytest.mark.integration
PART_BYTES = 5 * 2**20  # the least that S3 takes
WEIGHTS = b"x" * (PART_BYTES + 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def pushed(server, tmp_path_factory):
    """A small DVC repository, all pushed: a folder of two files and a file sent in parts."""
    repo = PipelineRepo(tmp_path_factory.mktemp("pushed"))
    (repo.folder / "shards").mkdir(parents=True)
    (repo.folder / "shards" / "a").write_bytes(b"first")
    (repo.folder / "shards" / "b").write_bytes(b"two")
    (repo.folder / "weights").write_bytes(WEIGHTS)
    repo.run("git", "init", "--quiet")
    repo.run("dvc", "init", "--quiet")
    repo.run("dvc", "add", "shards", "weights")
    repo.run("dvc", "remote", "add", "--default", "storage", "s3://dvc/storage")
    repo.commit("A folder and a file")
    repo.run("dvc", "push", **server.credentials)
    send_in_parts(server, WEIGHTS)
    return repo


def send_in_parts(server, content):
    """Send the largest object again as DVC sends one from 100 MB on."""
    with server.files().open(objects(server)[-1], "wb", block_size=PART_BYTES) as file:
        file.write(content)


def fsck(repo, server, *words, **more):
    environment = {**server.credentials, "PYTHONPATH": str(ROOT)}
    return repo.run("python", "-m", "commands.fsck", *words, **environment, **more)


def objects(server):
    """Objects of the remote by size: the shards, their list, the weights."""
    files = server.files()
    return sorted(files.find("dvc/storage"), key=files.size)


def pulls_whole(repo, server, folder):
    """Whether a clone without a cache gets what was pushed."""
    clone = repo.clone(folder)
    clone.run("dvc", "pull", **server.credentials)
    return all(
        (clone.folder / name).read_bytes() == (repo.folder / name).read_bytes()
        for name in ("shards/a", "shards/b", "weights")
    )


def test_what_is_whole_is_left_alone(pushed, server):
    assert fsck(pushed, server).splitlines() == [
        "cache: 0 faulty objects", "remote: 0 faulty objects",
    ]  # fmt: skip
    before = objects(server)
    fsck(pushed, server, "--repair")
    assert objects(server) == before


def test_damage_is_named_and_the_next_push_heals_it(pushed, server, tmp_path):
    files = server.files()
    shard, _, _, weights = objects(server)
    assert "-" in files.info(weights)["ETag"], "expected an upload in parts"
    files.pipe_file(shard, b"tWo")
    files.pipe_file(weights, files.cat_file(weights)[:-1])
    # DVC sees nothing to do, and would never.
    assert "Everything is up to date" in pushed.run("dvc", "push", **server.credentials)
    said = fsck(pushed, server, succeeds=False)
    assert f"remote: {shard}: expected MD5 b8a9f715dbb64fd5c56e7783c6820a61, got" in said
    assert f"remote: {weights}: expected MD5" in said
    assert ".dir: names 1 files damaged or missing, first b" in said
    assert "remote: 3 faulty objects" in said
    fsck(pushed, server, "--repair")
    pushed.run("dvc", "push", **server.credentials)
    assert "remote: 0 faulty objects" in fsck(pushed, server)
    assert pulls_whole(pushed, server, tmp_path / "clone")


def test_a_lost_object_is_sent_again(pushed, server, tmp_path):
    server.files().rm_file(objects(server)[0])
    fsck(pushed, server, "--repair")
    pushed.run("dvc", "push", **server.credentials)
    assert pulls_whole(pushed, server, tmp_path / "clone")


def test_damage_in_the_cache_is_healed_by_the_next_pull(pushed, server):
    (cached,) = pushed.folder.glob(".dvc/cache/files/md5/b8/a9f715*")
    cached.chmod(0o644)
    cached.write_bytes(b"tWo")
    assert f"cache: {cached}: expected MD5 b8a9f7" in fsck(pushed, server, succeeds=False)
    fsck(pushed, server, "--repair")
    pushed.run("dvc", "pull", "--force", **server.credentials)
    assert cached.read_bytes() == b"two"


def test_a_remote_that_is_gone_is_said_in_a_line(pushed, server):
    server.kill()
    said = fsck(pushed, server, succeeds=False)
    assert "fsck: " in said
    assert "Traceback" not in said
