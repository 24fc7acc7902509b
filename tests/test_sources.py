# python -m pytest tests/test_sources.py
import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import tarfile
import zipfile

import pyarrow
import pytest

from asr.core.errors import InputError
from asr.sources.archive import Source as Archive
from asr.sources.archives import read_archive
from asr.sources.corpus_source import fetch_files, load_source, provenance
from asr.sources.debian import Source as Debian
from asr.sources.folder import Source as Folder
from asr.sources.https import Source as Https
from tests.web_server import LIMITS, serving

FILES = {"docs/readme": b"no", "stamps/a.ogg": bytes(range(256)) * 40, "stamps/a.txt": b"xx.utf8=A"}
WANTED = {name: content for name, content in FILES.items() if name.startswith("stamps/")}


def wants(name):
    return name.startswith("stamps/")


def tar(files=FILES, prefix="./"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            header = tarfile.TarInfo(prefix + name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def zstd(content):
    buffer = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(buffer, "zstd") as stream:
        stream.write(content)
    return buffer.getvalue().to_pybytes()


def zipped(files=FILES):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def deb(data, suffix):
    content = b"!<arch>\n"
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", f"data.tar{suffix}": data}
    for name, member in members.items():
        content += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(member):<10}`\n".encode()
        content += member + b"\n" * (len(member) % 2)
    return content


ARCHIVES = {
    "plain.tar": tar(),
    "a.tar.gz": gzip.compress(tar()),
    "a.tar.bz2": bz2.compress(tar()),
    "a.tar.xz": lzma.compress(tar()),
    "a.zip": zipped(),
    "plain.deb": deb(tar(), ""),
    "gz.deb": deb(gzip.compress(tar()), ".gz"),
    "xz.deb": deb(lzma.compress(tar()), ".xz"),
    "a.tar.zst": zstd(tar()),
    "zst.deb": deb(zstd(tar()), ".zst"),
}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def downloads(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def archive_at(path, content):
    path.write_bytes(content)
    return Archive(kind="archive", path=str(path), sha256=sha256(content), license="CC0-1.0")


# The block


def conf(tmp_path, block):
    path = tmp_path / "sources.yaml"
    path.write_text(f"mine: {block}\n")
    return load_source("mine", path)


def test_each_kind_is_read_from_its_block(tmp_path):
    sha = "a" * 64
    source = conf(tmp_path, f"{{kind: archive, path: a.zip, sha256: {sha}, license: MIT}}")
    assert source == Archive(kind="archive", path="a.zip", sha256=sha, license="MIT")
    source = conf(tmp_path, "{kind: folder, path: corpus, license: MIT}")
    assert provenance(source, 7).model_dump() == {
        "kind": "folder", "origin": "corpus", "sha256": None, "license": "MIT", "num_files": 7
    }  # fmt: skip


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("{kind: magic, license: MIT}", "mine: .*'debian', 'folder', 'archive', 'https'"),
        ("{kind: folder, path: x}", r"mine\.folder\.license: Field required"),
        ("{kind: folder, path: x, license: MIT, pth: y}", r"mine\.folder\.pth: Extra inputs"),
        ("{kind: archive, path: x, sha256: 123abc, license: MIT}", r"mine\.archive\.sha256"),
        (
            "{kind: https, url: 'http://example.org/a', sha256: x, license: MIT}",
            r"mine\.https\.url",
        ),
    ],
)
def test_a_faulty_block_names_file_and_key(tmp_path, block, message):
    with pytest.raises(InputError, match=rf"sources\.yaml: {message}"):
        conf(tmp_path, block)


def test_an_unknown_source_is_named(tmp_path):
    (tmp_path / "sources.yaml").write_text("mine: {}\n")
    with pytest.raises(InputError, match=r"yours: no such key, there are \['mine'\]"):
        load_source("yours", tmp_path / "sources.yaml")


# Folders and archives


def test_a_folder_gives_its_wanted_files_in_order(tmp_path):
    for name, content in reversed(FILES.items()):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    source = Folder(kind="folder", path=str(tmp_path), license="CC0-1.0")
    assert list(fetch_files(source, wants, LIMITS)) == list(WANTED.items())
    with pytest.raises(InputError, match="nowhere: expected a folder, got none"):
        list(fetch_files(Folder(kind="folder", path="nowhere", license="CC0-1.0"), wants, LIMITS))


def folder_of(tmp_path):
    """A corpus's folder beside a file that is not for it."""
    (tmp_path / "corpus" / "stamps").mkdir(parents=True)
    (tmp_path / "corpus" / "stamps" / "a.ogg").write_bytes(b"a")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "id_rsa").write_bytes(b"secret")
    source = Folder(kind="folder", path=str(tmp_path / "corpus"), license="CC0-1.0")
    return tmp_path / "corpus" / "stamps", source


def test_a_link_within_the_folder_is_a_file(tmp_path):
    stamps, source = folder_of(tmp_path)
    (stamps / "b.ogg").symlink_to("a.ogg")
    assert list(fetch_files(source, wants, LIMITS)) == [
        ("stamps/a.ogg", b"a"), ("stamps/b.ogg", b"a")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("../../outside/id_rsa", "got a link out of its folder"),
        ("/etc/passwd", "got a link out of its folder"),
        ("../../outside", "expected no linked folder"),
        ("..", "expected no linked folder"),
        ("nothing", "got none, a pipe, a device or a link to nothing"),
        ("b.ogg", "got none, a pipe, a device or a link to nothing"),
    ],
)
def test_a_link_is_refused_by_name_and_the_rest_stays(tmp_path, target, message):
    stamps, source = folder_of(tmp_path)
    (stamps / "b.ogg").symlink_to(target)
    first, (name, refused) = fetch_files(source, wants, LIMITS)
    assert (first, name) == (("stamps/a.ogg", b"a"), "stamps/b.ogg")
    assert isinstance(refused, InputError)
    assert str(refused).startswith("stamps/b.ogg: ") and message in str(refused)
    assert str(tmp_path) not in str(refused)  # it goes into the rejects


def test_no_file_of_a_folder_is_skipped_without_a_word(tmp_path):
    stamps, source = folder_of(tmp_path)
    os.mkfifo(stamps / "b.ogg")
    assert "b.ogg: expected a file, got none, a pipe" in str(
        list(fetch_files(source, wants, LIMITS))
    )
    (stamps / "b.ogg").unlink()
    small = LIMITS.model_copy(update={"max_file_mb": 1e-6})
    assert len(list(fetch_files(source, wants, small))) == 1
    (stamps / "a.ogg").write_bytes(b"ab")
    with pytest.raises(InputError, match=r"a\.ogg: expected at most 1 bytes \(fetch\.max_file_mb"):
        list(fetch_files(source, wants, small))


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_gives_its_wanted_files(tmp_path, name):
    assert dict(fetch_files(archive_at(tmp_path / name, ARCHIVES[name]), wants, LIMITS)) == WANTED


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_archive_is_named(tmp_path, name, share):
    content = ARCHIVES[name]
    content = content.rstrip(b"\0") if name == "plain.tar" else content  # the end is padding
    path = tmp_path / name
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=rf"{name}: expected a whole archive, got \S"):
        list(read_archive(path, wants, LIMITS))


def test_a_wrong_hash_names_both(tmp_path):
    source = archive_at(tmp_path / "a.zip", ARCHIVES["a.zip"])
    (tmp_path / "a.zip").write_bytes(b"other")
    message = rf"a\.zip: expected SHA-256 {source.sha256}, got {sha256(b'other')}"
    with pytest.raises(InputError, match=message):
        list(fetch_files(source, wants, LIMITS))


@pytest.mark.parametrize("name", ["../stamps/a", "/etc/stamps", "stamps/../../a", "..\\stamps"])
def test_a_name_that_leaves_the_archive_is_refused(tmp_path, name):
    for path, content in (("a.tar", tar({name: b""}, "")), ("a.zip", zipped({name: b""}))):
        (tmp_path / path).write_bytes(content)
        with pytest.raises(InputError, match="expected a path inside the archive, got one that"):
            list(read_archive(tmp_path / path, lambda name: True, LIMITS))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, "zip"])
def test_a_link_in_an_archive_is_refused_by_name_and_the_rest_stays(tmp_path, kind):
    path = tmp_path / "archive"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            link = zipfile.ZipInfo("stamps/l")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
            archive.writestr("stamps/z", b"z")
    else:
        with tarfile.open(path, "w") as archive:
            link = tarfile.TarInfo("stamps/l")
            link.type, link.linkname = kind, "/etc/passwd"
            archive.addfile(link)
            file = tarfile.TarInfo("stamps/z")
            file.size = 1
            archive.addfile(file, io.BytesIO(b"z"))
    (name, refused), last = read_archive(path, wants, LIMITS)
    assert (name, last) == ("stamps/l", ("stamps/z", b"z"))
    assert str(refused) == "stamps/l: expected a file, got a link or a device in the archive"


# Over the network


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(lambda path: (folder / path.lstrip("/")).read_bytes()) as url:
        yield folder, url


def at(url, content):
    return Https(kind="https", url=url, sha256=sha256(content), license="CC0-1.0")


@pytest.mark.integration
def test_an_address_is_downloaded_once(server):
    folder, url = server
    (folder / "a.tar.gz").write_bytes(ARCHIVES["a.tar.gz"])
    source = at(f"{url}/a.tar.gz", ARCHIVES["a.tar.gz"])
    assert dict(fetch_files(source, wants, LIMITS)) == WANTED
    (folder / "a.tar.gz").unlink()
    assert dict(fetch_files(source, wants, LIMITS)) == WANTED


@pytest.mark.integration
def test_a_wrong_download_is_refused_and_not_kept(server):
    folder, url = server
    (folder / "a.zip").write_bytes(b"not what was pinned")
    source = at(f"{url}/a.zip", ARCHIVES["a.zip"])
    message = rf"a\.zip: expected SHA-256 {source.sha256}, got {sha256(b'not what was pinned')}"
    with pytest.raises(InputError, match=message):
        list(fetch_files(source, wants, LIMITS))
    (folder / "a.zip").write_bytes(ARCHIVES["a.zip"])
    assert dict(fetch_files(source, wants, LIMITS)) == WANTED


@pytest.mark.integration
def test_no_such_page_and_no_network_are_one_message(server):
    _, url = server
    with pytest.raises(InputError, match=r"/b\.zip: could not be downloaded: .*404"):
        list(fetch_files(at(f"{url}/b.zip", b""), wants, LIMITS))
    with pytest.raises(InputError, match=r":9/b\.zip: could not be downloaded: .*refused"):
        list(fetch_files(at("http://127.0.0.1:9/b.zip", b""), wants, LIMITS))


@pytest.mark.integration
def test_user_info_and_query_of_an_address_are_in_no_message_and_no_provenance(server):
    folder, url = server
    (folder / "a.zip?token=secret").write_bytes(ARCHIVES["a.zip"])
    address = url.replace("//", "//me:secret@") + "/a.zip?token=secret"
    source = at(address, ARCHIVES["a.zip"])
    assert dict(fetch_files(source, wants, LIMITS)) == WANTED
    assert provenance(source, 2).origin == f"{url}/a.zip"
    with pytest.raises(InputError) as caught:
        list(fetch_files(at(address.replace("a.zip", "b.zip"), b""), wants, LIMITS))
    assert str(caught.value) == f"{url}/b.zip: could not be downloaded: status 404"


@pytest.mark.integration
def test_a_redirect_to_another_private_host_needs_the_blocks_permission(server):
    folder, url = server
    (folder / "a.zip").write_bytes(ARCHIVES["a.zip"])
    elsewhere = {"Location": url.replace("127.0.0.1", "127.1") + "/a.zip"}
    with serving(lambda path: (301, elsewhere, b"")) as moved:
        source = at(f"{moved}/a.zip", ARCHIVES["a.zip"])
        with pytest.raises(InputError, match="expected a public address"):
            list(fetch_files(source, wants, LIMITS))
        source = source.model_copy(update={"allow_private": True})
        assert dict(fetch_files(source, wants, LIMITS)) == WANTED


# Debian packages

PACKAGE = Debian(
    kind="debian", package="bash", version="1", sha256=sha256(ARCHIVES["xz.deb"]), license="MIT"
)
with_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt on this machine")


def apt_conf(tmp_path, monkeypatch, lines):
    (tmp_path / "apt.conf").write_text(lines)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))


def stand_in_for_apt(tmp_path, monkeypatch, content):
    """An apt-get that leaves ``content`` where the real one would leave the package."""
    (tmp_path / "package").write_bytes(content)
    script = tmp_path / "bin" / "apt-get"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\ncp {tmp_path}/package ./bash_1_all.deb\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")


def test_a_package_is_unpacked(tmp_path, monkeypatch):
    stand_in_for_apt(tmp_path, monkeypatch, ARCHIVES["xz.deb"])
    assert dict(fetch_files(PACKAGE, wants, LIMITS)) == WANTED


def test_another_package_than_pinned_is_refused_with_both_hashes(tmp_path, monkeypatch):
    stand_in_for_apt(tmp_path, monkeypatch, b"other")
    message = rf"bash_1\.deb: expected SHA-256 {PACKAGE.sha256}, got {sha256(b'other')}"
    with pytest.raises(InputError, match=message):
        list(fetch_files(PACKAGE, wants, LIMITS))


def test_a_machine_without_apt_is_told_of_the_other_kinds(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"needs apt-get.* folder, archive or https"):
        list(fetch_files(PACKAGE, wants, LIMITS))


@with_apt
def test_missing_package_lists_are_told_with_the_command_that_mends_it(tmp_path, monkeypatch):
    (tmp_path / "lists").mkdir()
    lists = f'Dir::State::Lists "{tmp_path}/lists"; Dir::Cache "{tmp_path}/lists";'
    apt_conf(tmp_path, monkeypatch, lists + 'Dir::State::status "/dev/null";')
    with pytest.raises(InputError, match=r"bash=1: apt's lists do not .*`sudo apt-get update`"):
        list(fetch_files(PACKAGE, wants, LIMITS))


@pytest.fixture
def unreachable_apt(tmp_path, monkeypatch):
    """An apt that knows bash 1 and nothing else, on a server that does not answer."""
    lists = tmp_path / "lists"
    (lists / "partial").mkdir(parents=True)
    (lists / "127.0.0.1:9_._Packages").write_text(
        "Package: bash\nVersion: 1\nArchitecture: all\nMaintainer: x\n"
        f"Filename: ./bash_1_all.deb\nSize: 9\nSHA256: {PACKAGE.sha256}\nDescription: x\n\n"
    )
    (tmp_path / "sources.list").write_text("deb [trusted=yes] http://127.0.0.1:9 ./\n")
    apt_conf(
        tmp_path,
        monkeypatch,
        f'Dir::State::Lists "{lists}"; Dir::Cache "{lists}"; Dir::State::status "/dev/null";'
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list"; Dir::Etc::sourceparts "/dev/null";'
        'Acquire::Retries "0"; Acquire::http::Proxy "DIRECT";',
    )


@with_apt
@pytest.mark.usefixtures("unreachable_apt")
def test_an_unknown_version_is_told_with_those_there_are():
    newer = PACKAGE.model_copy(update={"version": "2"})
    with pytest.raises(InputError, match=r"bash=2: expected this version, got \['1'\] from apt"):
        list(fetch_files(newer, wants, LIMITS))


@with_apt
@pytest.mark.usefixtures("unreachable_apt")
def test_no_network_is_told():
    with pytest.raises(InputError, match=r"bash=1: apt could not download it: .*Could not connect"):
        list(fetch_files(PACKAGE, wants, LIMITS))
