# python -m pytest tests/test_downloads.py
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.sources.downloads import download, downloads_folder

SHA256 = hashlib.sha256(b"content").hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def bringing(content, calls):
    def bring(folder):
        calls.append(folder)
        (folder / "x").write_bytes(content)
        return folder / "x"

    return bring


def test_a_download_is_brought_once():
    calls = []
    for _ in range(2):
        assert download("a.deb", SHA256, bringing(b"content", calls)).read_bytes() == b"content"
    assert len(calls) == 1
    assert not calls[0].exists()


def test_a_damaged_download_is_brought_again():
    calls = []
    download("a.deb", SHA256, bringing(b"content", calls)).write_bytes(b"rotten")
    assert download("a.deb", SHA256, bringing(b"content", calls)).read_bytes() == b"content"
    assert len(calls) == 2


def test_a_wrong_hash_names_both_and_keeps_nothing():
    got = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(InputError, match=rf"a\.deb: expected SHA-256 {SHA256}, got {got}"):
        download("a.deb", SHA256, bringing(b"other", []))
    assert [path for path in downloads_folder().rglob("*") if path.is_file()] == []


def test_a_failed_download_keeps_nothing():
    def bring(folder):
        (folder / "half").write_bytes(b"con")
        raise InputError("no network")

    with pytest.raises(InputError, match="no network"):
        download("a.deb", SHA256, bring)
    assert [path for path in downloads_folder().rglob("*") if path.is_file()] == []


KILLED = """
import os, signal
from asr.sources.downloads import download
def fetch(folder):
    (folder / "half").write_bytes(bytes(1000))
    print("half", flush=True)
    input()
download("a.deb", "0" * 64, fetch)
"""


def downloading():
    """A process in the middle of a download."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert process.stdout.readline() == b"half\n"
    return process


@pytest.mark.integration
def test_what_a_killed_download_left_goes_with_the_next_and_a_living_one_stays():
    with downloading() as dead, downloading() as living:
        try:
            dead.send_signal(signal.SIGKILL)
            dead.wait()
            halves = set(downloads_folder().rglob("half"))
            assert len(halves) == 2
            for calls in ([], []):  # the second is from the cache
                download("a.deb", SHA256, bringing(b"content", calls))
                (left,) = halves & set(downloads_folder().rglob("half"))
                assert left.parents[1].name.startswith(f"{living.pid}-")
            living.send_signal(signal.SIGKILL)
            living.wait()
            download("a.deb", SHA256, bringing(b"content", []))
            assert list(downloads_folder().rglob("half")) == []
            assert list((downloads_folder() / "partial").iterdir()) == []
        finally:
            dead.kill()
            living.kill()
