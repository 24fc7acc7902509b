"""DVC's cache and disk, and its remote: reached, written, read back and verified."""

import shutil
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_objects.fs.generic import test_links

from asr.core.urls import hide_secrets
from asr.doctor.finding import Finding, within

GB = 1e9
LINKS = ["reflink", "hardlink", "symlink"]
REMOTE_TIMEOUT_S = 15.0  # for three requests; a healthy storage takes 1 s for each, far away
HAVE_FOLDERS = ("local", "ssh", "webhdfs")
OFFLINE = (ConnectionError, TimeoutError, NoConnection, HTTPClientError)


def check_disk() -> Iterator[Finding]:
    """How DVC puts data into the workspace, and whether what dvc.lock names has room."""
    with Repo() as repo:
        cache = repo.cache.local
        links = test_links(LINKS, cache.fs, cache.path, repo.fs, repo.root_dir)
        used = next((kind for kind in cache.cache_types if kind in (*links, "copy")), "copy")
        outs = [out for out in repo.index.outs if out.use_cache and out.hash_info]
        size = sum(out.meta.size or 0 for out in outs)
        missing = sum(out.meta.size or 0 for out in outs if out.changed_cache())
        free = shutil.disk_usage(cache.path).free
    copies = 2 if used == "copy" else 1
    if used == "copy":
        text = "every file is here twice, in DVC's cache and as a copy: the disk has no reflinks"
        mend = "dvc config --local cache.type reflink,hardlink,copy && dvc checkout --relink"
        yield Finding("warn", text, mend)
    room = f"{free / GB:.1f} GB free at {cache.path}"
    unfinished = "dvc gc --all-commits --dry; python -m commands.unfinished"
    if missing * copies > free:
        text = f"{room}, dvc pull needs {missing * copies / GB:.1f} GB"
        yield Finding("fail", text, unfinished)
    elif size * copies > free:
        text = f"{room}, a run that makes all anew needs {size * copies / GB:.1f} GB"
        yield Finding("warn", text, unfinished)
    else:
        yield Finding("ok", f"{room}, data and models take {size / GB:.1f} GB, by {used}")


def check_remote(timeout_s: float = REMOTE_TIMEOUT_S) -> Iterator[Finding]:
    """Write a small object into DVC's remote, read it back, and delete it."""
    with Repo() as repo:
        name = repo.config["core"].get("remote")
        if not name:
            mend = "dvc remote add --default storage s3://bucket/path"
            yield Finding("warn", "no remote: data and models are on this machine alone", mend)
            return
        address = hide_secrets(repo.config["remote"].get(name, {}).get("url", ""))
        done: list[str] = []  # of writing, reading, deleting
        try:
            within(timeout_s, lambda: _write_read_delete(repo, name, done))
        except OFFLINE as error:
            text = f"{name}, {address}, can't be reached: {_line(error)}"
            yield Finding("warn", text, f"dvc push --remote {name}  # once there is a network")
        except (OSError, BotoCoreError, DvcException) as error:
            verbs = ("written", "read back", "cleared of the object that this check wrote")
            text = f"{name}, {address}, can't be {verbs[len(done)]}: {_line(error)}"
            keys = "export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…  # that may write there"
            other = f"dvc remote modify {name} url …"
            yield Finding("fail", text, keys if address.startswith("s3://") else other)
        else:
            yield Finding("ok", f"{name}, {address}: written, read back, deleted")
        if not repo.config["remote"].get(name, {}).get("verify"):
            text = f"{name} is not verified: DVC would pass on damaged files unnoticed"
            yield Finding("warn", text, f"dvc remote modify {name} verify true")


def _write_read_delete(repo: Any, name: str, done: list[str]) -> None:
    remote = repo.cloud.get_remote(name)
    content = uuid4().hex
    path = remote.fs.join(remote.path, f"doctor-{content}")
    if remote.fs.protocol in HAVE_FOLDERS:
        remote.fs.makedirs(remote.path, exist_ok=True)  # with S3 it would make a bucket
    remote.fs.pipe_file(path, content.encode())
    done.append("write")
    if (got := remote.fs.cat_file(path)) != content.encode():
        raise OSError(f"expected the {len(content)} bytes that were written, got {len(got)} others")
    done.append("read")
    remote.fs.rm_file(path)


def _line(error: BaseException) -> str:
    return hide_secrets(" ".join(str(error).split()) or type(error).__name__)[:200]
