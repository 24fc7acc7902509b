# python -m pytest tests/test_publish.py
"""Publish a package: what stops it, what is uploaded, and that no token is ever written."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
import yaml

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.core.params import read_yaml
from asr.packages.publish import Place, State, forbidden, publish
from asr.packages.write import check_package, read_checksums
from commands.publish import main
from stages.package import package
from tests.hub_commit_server import TOKEN, Repo, hub_commit_server
from tests.package_inputs import write_inputs
from tests.s3_server import KEY, SECRET, s3_server

pytestmark = pytest.mark.integration
NAME = "whisper-base-be-bg"
PACKAGE = Path(f"models/package/{NAME}-0.1.0")
INPUTS = ("models/export", "data/manifests", "metrics", "dvc.lock")
LARGE = ["model.safetensors", "ctranslate2_int8/model.bin", "ggml_float16/ggml-model.bin"]


def make(folder, licenses=None, require=("parity",), version="0.1.0"):
    """A repository with a package in it."""
    write_inputs(folder, licenses)
    content = read_yaml(folder / "params.yaml")
    content["publish"]["require"] = list(require)
    content["package"]["version"] = version
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    run(["git", "init", "--quiet"], folder)
    run(["git", "add", "."], folder)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    run(["git", *who, "commit", "--quiet", "--message", "x"], folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        package(*map(Path, INPUTS), Path(f"models/package/{NAME}-{version}"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    make(folder)
    return folder


@pytest.fixture
def copied(made, tmp_path):
    """A copy of it, to change."""
    return shutil.copytree(made, tmp_path / "copy")


@pytest.fixture(scope="module")
def hub():
    with hub_commit_server() as state:
        yield state


def run(words, folder, **environment):
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False,
                          env=os.environ | environment)  # fmt: skip


@pytest.fixture
def published(hub, monkeypatch, capfd):
    """Runs the command in a folder; returns exit status and all that it printed."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def call(folder, *words, **environment):
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["publish", *words])
        try:
            status = main()
        except SystemExit as error:  # with a message it is 1, as Python has it
            status = error.code
            if isinstance(status, str):
                print(status)
                status = 1
        captured = capfd.readouterr()
        printed = captured.out + captured.err
        assert TOKEN not in printed and SECRET not in printed
        return status, printed

    return call


class Nowhere:
    """A place that is public or not, and takes everything."""

    name = "nowhere"

    def __init__(self, is_public=None, has_version=False):
        self.found = State(is_public, has_version)
        self.uploaded = {}

    def state(self):
        return self.found

    def upload(self, folder, public):
        check_package(folder)
        self.uploaded = {str(path.relative_to(folder)): path.read_bytes()
                         for path in folder.rglob("*") if path.is_file()}  # fmt: skip
        return "nowhere"


def test_a_private_repository_gets_the_package_and_a_tag(made, hub, published):
    status, printed = published(made, "--hub", "me/first")
    assert status == 0, printed
    repo = hub.repos["me/first"]
    assert repo.private
    assert f"published: {hub.url}/me/first/tree/v0.1.0" in printed
    assert f"gto register {NAME} --version v0.1.0" in printed
    ours = {str(path.relative_to(made / PACKAGE)): path.read_bytes()
            for path in (made / PACKAGE).rglob("*") if path.is_file()}  # fmt: skip
    files = repo.tags["v0.1.0"]
    own = {"SHA256SUMS", "package_info.json"}
    assert {name: files[name] for name in ours.keys() - own} == {
        name: ours[name] for name in ours.keys() - own
    }
    assert files.keys() == ours.keys() | own
    for line in files["SHA256SUMS"].decode().splitlines():
        sha256, name = line.split("  ")
        assert hashlib.sha256(files[name]).hexdigest() == sha256

    again, printed = published(made, "--hub", "me/first")
    assert again == 1
    assert "me/first: version 0.1.0 of whisper-base-be-bg was published there already" in printed


def test_the_token_goes_to_the_hub_alone(made, hub, published):
    """Not to the storage that takes large files, and into no file."""
    hub.tokens.clear()
    hub.large.clear()
    published(made, "--hub", "me/token")
    assert {token for asked, token in hub.tokens if "/storage/" in asked} == {""}
    assert {token for asked, token in hub.tokens if "/storage/" not in asked} == {f"Bearer {TOKEN}"}
    assert not any(TOKEN.encode() in content for content in hub.repos["me/token"].files.values())
    assert not any(
        TOKEN.encode() in path.read_bytes() for path in made.rglob("*") if path.is_file()
    )


def test_an_upload_that_failed_resumes(made, hub, published):
    hub.large.clear()
    hub.uploads_left = 2
    status, printed = published(made, "--hub", "me/resumed")
    assert status == 1
    assert "me/resumed: could not be uploaded; the same command resumes" in printed
    assert not hub.repos["me/resumed"].tags
    hub.uploads_left = None
    before = len(hub.asked)
    status, printed = published(made, "--hub", "me/resumed")
    assert status == 0, printed
    puts = [one for one in hub.asked[before:] if one.startswith("PUT")]
    assert len(puts) == len(LARGE) - 2
    assert set(LARGE) < hub.repos["me/resumed"].tags["v0.1.0"].keys()


def test_a_file_that_a_version_lacks_is_not_left_from_the_one_before(made, hub, published):
    hub.repos["me/old"] = Repo(True, {"onnx/model.onnx": b"old", ".gitattributes": b"x"})
    published(made, "--hub", "me/old")
    files = hub.repos["me/old"].tags["v0.1.0"]
    assert "onnx/model.onnx" not in files and ".gitattributes" in files


def test_a_dry_run_lists_files_and_sizes_and_asks_nobody(made, hub, published):
    before = len(hub.asked)
    status, printed = published(made, "--hub", "me/dry", "--dry-run")
    assert status == 0, printed
    assert len(hub.asked) == before
    lines = dict(reversed(line.split()) for line in printed.splitlines()[:-1])
    for name in LARGE:
        assert int(lines[name]) == (made / PACKAGE / name).stat().st_size
    assert "bytes in 9 files" in printed.splitlines()[-1]


def test_required_checks_stop_it_and_a_reason_is_in_the_card(tmp_path, hub, published):
    make(tmp_path, require=["parity", "production"])
    status, printed = published(tmp_path, "--hub", "me/forced")
    assert status == 1
    assert "publish.require of params.yaml is not met:\nproduction: fail: WER overall" in printed
    assert "me/forced" not in hub.repos
    status, printed = published(tmp_path, "--hub", "me/forced", "--dry-run")
    assert (status, "stops it: production: fail" in printed) == (1, True)
    reason = "A demo | for **us**"
    status, printed = published(tmp_path, "--hub", "me/forced", "--force", reason)
    assert status == 0, printed
    card = hub.repos["me/forced"].files["README.md"].decode()
    assert r"Reason: A demo \| for \*\*us\*\*" in card
    assert "Published although required checks do not pass: production: fail" in card
    # The out of DVC is as it was.
    assert "Reason" not in (tmp_path / PACKAGE / "README.md").read_text()
    check_package(tmp_path / PACKAGE)


def test_a_wrong_token_is_no_traceback(made, hub, published):
    status, printed = published(made, "--hub", "me/x", HF_TOKEN="hf_wrong")
    assert (status, "hf_wrong" in printed) == (1, False)
    assert "publish: the hub's me/x: can't be read: Client error '401" in printed
    assert "Traceback" not in printed


def test_data_that_forbid_it_stop_public_places_alone(tmp_path, monkeypatch):
    make(tmp_path, {"be": "MIT", "calls": "CC-BY-NC-4.0", "news": "CC-BY-ND-4.0", "x": "mine"})
    monkeypatch.chdir(tmp_path)
    found = forbidden(read_json(PACKAGE / "run_manifest.json"))
    expected = [
        "CC-BY-NC-4.0 (non-commercial) of calls",
        "CC-BY-ND-4.0 (no derivatives) of news",
        "mine (unknown license) of x",
    ]
    assert found[:3] == expected
    card = (PACKAGE / "README.md").read_text()
    for line in expected:
        assert f"**Not to be published: {line}.**" in card
        for place, public in ((Nowhere(), True), (Nowhere(is_public=True), False)):
            with pytest.raises(InputError, match=f"nowhere is public, .*{re.escape(line)}"):
                publish(place, PACKAGE, public, [], {})
            assert not place.uploaded
    private = Nowhere()
    publish(private, PACKAGE, False, [], {})
    assert "README.md" in private.uploaded


def test_incompatible_licenses_stop_public_places_unless_one_is_chosen(tmp_path, monkeypatch):
    make(tmp_path, {"be": "GPL-2.0-only", "calls": "CC-BY-SA-3.0"})
    monkeypatch.chdir(tmp_path)
    manifest = read_json(PACKAGE / "run_manifest.json")
    assert forbidden(manifest) == ["CC-BY-SA-3.0 and GPL-2.0-only are incompatible"]
    assert "**Incompatible: CC-BY-SA-3.0 and GPL-2.0-only.**" in (PACKAGE / "README.md").read_text()
    manifest["license"] |= {"is_derived": False}
    assert forbidden(manifest) == []


def test_recordings_withdrawn_since_stop_public_places_and_are_in_the_card(
    copied, monkeypatch, hub, published
):
    monkeypatch.chdir(copied)
    manifest = read_json(PACKAGE / "run_manifest.json")
    md5 = manifest["lock"]["models/tuned"]
    for corpus, saw in (("be", True), ("bg", None)):
        models = [{"path": "models/tuned", "md5": one, "saw": saw} for one in (md5, "0" * 32)]
        proof = {"corpus": corpus, "at": "2026-01-01", "models": models}
        write_json(Path(f"metrics/withdrawals/{corpus}-1.json"), proof)
    lines = [
        f"recordings of {corpus} that were withdrawn at 2026-01-01, which the model {words} trained"
        for corpus, words in (("be", "has been"), ("bg", "may have been"))
    ]
    for line in lines:
        with pytest.raises(InputError, match=line):
            publish(Nowhere(), PACKAGE, True, [], {})
    status, printed = published(copied, "--hub", "me/withdrawn")
    assert status == 0, printed
    card = hub.repos["me/withdrawn"].files["README.md"].decode()
    assert all(f"**Withdrawn: {line}" in card for line in lines)
    manifest["lock"]["models/tuned"] = "1" * 32
    assert forbidden(manifest) == []


def test_a_public_package_and_a_private_repository_do_not_fit(made, monkeypatch):
    monkeypatch.chdir(made)
    with pytest.raises(InputError, match="nowhere: is private: leave out --public"):
        publish(Nowhere(is_public=False), PACKAGE, True, [], {})


def test_a_package_that_changed_is_not_published(copied, published):
    (copied / PACKAGE / "ggml_float16/ggml-model.bin").write_text("x")
    status, printed = published(copied, "--hub", "me/changed")
    assert (status, "ggml-model.bin: expected SHA-256" in printed) == (1, True)


def test_s3_gets_the_package_once_and_an_upload_resumes(made, tmp_path_factory, published):
    folder = made
    with s3_server(tmp_path_factory.mktemp("weed")) as server:
        words = ("--s3", "s3://dvc/models")
        files = server.files()
        root = f"dvc/models/{NAME}-0.1.0"
        # What an upload leaves that was killed: one file, and another with other content.
        sums = read_checksums(folder / PACKAGE)
        files.put_file(str(folder / PACKAGE / LARGE[0]), f"{root}/{LARGE[0]}",
                       Metadata={"sha256": sums[LARGE[0]]})  # fmt: skip
        files.pipe_file(f"{root}/{LARGE[1]}", b"int9")
        before = files.modified(f"{root}/{LARGE[0]}")
        status, printed = published(folder, *words, **server.credentials)
        assert status == 0, printed
        assert files.modified(f"{root}/{LARGE[0]}") == before
        assert files.cat_file(f"{root}/{LARGE[1]}") == (folder / PACKAGE / LARGE[1]).read_bytes()
        for line in files.cat_file(f"{root}/SHA256SUMS").decode().splitlines():
            sha256, name = line.split("  ")
            assert hashlib.sha256(files.cat_file(f"{root}/{name}")).hexdigest() == sha256
        status, printed = published(folder, *words, **server.credentials)
        assert status == 1
        assert f"s3://dvc/models/{NAME}-0.1.0: version 0.1.0" in printed
        wrong = server.credentials | {"AWS_SECRET_ACCESS_KEY": "not-this"}
        status, printed = published(folder, *words, **wrong)
        assert (status, "Traceback" in printed) == (1, False)
        assert "can't be read" in printed and KEY not in printed


def test_an_empty_reason_is_no_reason(made, published):
    status, printed = published(made, "--hub", "me/x", "--force", " ")
    assert (status, "--force: expected a reason, got none" in printed) == (2, True)


def test_both_places_fit_the_protocol():
    from asr.packages.hub import Hub
    from asr.packages.storage import Storage

    places: list[Place] = [Hub("me/x", "0.1.0"), Storage("s3://key:secret@dvc/models/", "x-0.1.0")]
    assert [one.name for one in places] == ["the hub's me/x", "s3://dvc/models/x-0.1.0"]
