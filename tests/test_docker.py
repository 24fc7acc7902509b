# python -m pytest tests/test_docker.py
"""The image without Docker: the Dockerfile linted, its context listed, and its steps executed."""

import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from urllib.request import urlopen

import pytest

from asr.core.params import read_yaml
from asr.doctor.secrets import KINDS
from tests.dockerfile import ROOT, Image, context, steps, steps_of

TEXT = (ROOT / "Dockerfile").read_text()
TARGETS = ("train", "serve")
SERVICES = read_yaml(ROOT / "compose.yaml")["services"]
UBUNTU = "http://archive.ubuntu.com/ubuntu"
# What runs here as root is signed with these keys, which Debian may not have.
KEYS = "ubuntu-keyring_2023.11.28.1_all.deb"
KEYS_SHA256 = "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8"
SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|_KEY", re.IGNORECASE)


def test_hadolint_finds_no_fault():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_context_has_what_is_copied_and_nothing_else():
    sent = set(context((ROOT / ".dockerignore").read_text()))
    sources = {rest.split()[0] for name, rest in steps(TEXT) if name == "COPY"}
    for source in sources:
        assert any(name == source or name.startswith(f"{source}/") for name in sent), source
    assert {name.split("/")[0] for name in sent} == {
        "requirements.txt", "requirements", "conf", "asr", "commands", "params.yaml",
    }  # fmt: skip


def test_credentials_data_and_history_stay_out_of_the_context(tmp_path):
    out = [".env", ".git/config", ".dvc/config.local", "data/raw/a.tar", "models/tuned/a",
           "asr/.env", "conf/champion/a.json", "commands/__pycache__/a.pyc", "notes.txt",
           "requirements/.netrc"]  # fmt: skip
    for name in (*out, "asr/core/files.py", "conf/models.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    sent = context((ROOT / ".dockerignore").read_text(), tmp_path)
    assert sorted(sent) == ["asr/core/files.py", "conf/models.yaml"]


def test_no_layer_and_no_compose_file_holds_a_secret():
    for name, rest in steps(TEXT):
        assert not (name in ("ARG", "ENV") and SECRET.search(rest)), rest
    for service in SERVICES.values():
        # A name without a value is taken from the shell that starts the container.
        assert not [line for line in service.get("environment", ()) if "=" in line]
        assert not [key for key in service["build"].get("args", ()) if SECRET.search(key)]
    assert "private key" in KINDS  # tests/test_secrets.py reads all files, these too


def test_uploads_wait_on_the_disk_of_a_server_that_can_write_nothing_else():
    serve = SERVICES["serve"]
    assert serve["read_only"] and "/tmp" in serve["volumes"]
    assert "tmpfs" not in serve  # it is memory


@pytest.mark.parametrize("target", TARGETS)
def test_the_base_is_pinned_and_the_user_is_not_root(target):
    found = steps_of(TEXT, target)
    assert re.fullmatch(r"nvidia/cuda:[\d.]+-base-ubuntu24.04@sha256:[0-9a-f]{64}", found[0][1])
    users = [rest for name, rest in found if name == "USER"]
    assert users == ["$USER_ID"]
    assert ("ARG", "USER_ID=1000") in found
    assert SERVICES[target]["build"]["target"] == target
    (device,) = SERVICES[target]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_an_edit_of_the_code_leaves_the_layer_of_packages_in_the_cache():
    found = steps_of(TEXT, "serve")
    install = next(n for n, step in enumerate(found) if "pip install" in step[1])
    before = [rest.split()[0] for name, rest in found[:install] if name == "COPY"]
    assert sorted(before) == ["conf/constraints.txt", "requirements", "requirements.txt"]


def test_the_server_and_what_it_needs_are_in_its_image():
    if not (ROOT / "commands/serve.py").exists():
        pytest.skip("commands.serve is not there yet")
    uses = dict(rest.split("=") for name, rest in steps(TEXT) if name == "ARG")["USES"]
    assert "serve" in uses.strip('"').split()


def make(*words, succeeds=True):
    done = subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_make_builds_both_targets_and_pushes_them_by_commit():
    assert "docker build --target train --tag mothertongue:train ." in make("-n", "docker")
    pushed = make("-n", "docker-push", "REGISTRY=registry.example.org/me")
    assert "docker push registry.example.org/me/mothertongue:serve-" in pushed
    assert "needs REGISTRY=" in make("docker-push", succeeds=False)


@pytest.fixture
def ubuntu(tmp_path):
    """A clean root folder of the release that the base image has."""
    if os.getuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("needs root and debootstrap: apt-get install debootstrap")
    root = tmp_path / "root"
    deb = tmp_path / "keys.deb"
    deb.write_bytes(urlopen(f"{UBUNTU}/pool/main/u/ubuntu-keyring/{KEYS}", timeout=60).read())
    assert sha256(deb.read_bytes()).hexdigest() == KEYS_SHA256
    subprocess.run(["dpkg-deb", "--extract", deb, tmp_path / "keys"], check=True)
    keyring = tmp_path / "keys/usr/share/keyrings/ubuntu-archive-keyring.gpg"
    options = ["--variant=minbase", "--components=main,universe", f"--keyring={keyring}"]
    # Debian's debootstrap may not know noble; "gutsy" is its script for all later releases.
    words = ["debootstrap", *options, "noble", root, UBUNTU, "gutsy"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    yield root
    shutil.rmtree(root)  # 6 GB


@pytest.mark.slow
@pytest.mark.timeout(3000)  # downloads 3 GB
def test_the_steps_build_an_image_that_works(ubuntu):
    image = Image(ubuntu)
    image.run("useradd --create-home --uid 1000 ubuntu")  # as in Ubuntu's image
    image.build(TEXT, "serve")
    assert image.run("id -u; id -un").split() == ["1000", "asr"]
    cuda = image.run("python -c 'import torch; print(torch.version.cuda)'").strip()
    assert TEXT.count(f"nvidia/cuda:{cuda}.") == 1  # the base has the CUDA of torch
    assert "--manifest" in image.run("python -m commands.predict --help")
    said = image.run("cd /opt/setup && python -m pip check && python -c 'import av, trackio'")
    assert "No broken requirements found" in said
    # Its user can't change the code.
    image.run("! touch /repo/asr/core/files.py && ! mv /repo/asr /repo/b && ! touch /opt/venv/a")
    assert not list((ubuntu / "var/lib/apt/lists").iterdir())
    image.run("git --version && dvc --version && make --version && ssh -V")
