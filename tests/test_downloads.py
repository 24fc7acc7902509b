# python -m pytest tests/test_downloads.py
import hashlib

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
