# python -m pytest tests/test_doctor.py
"""Each check of the doctor finds the fault that is planted, and says what mends it."""

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import huggingface_hub
import pynvml
import pytest

from asr.devices.params import MachineParams
from asr.doctor import gpu
from asr.doctor.finding import Finding, within
from asr.doctor.hub import check_hub
from asr.doctor.packages import check_codecs, check_packages, check_python
from asr.doctor.repository import check_git, check_labels_of_training, check_queue
from asr.doctor.storage import check_disk, check_remote
from commands import doctor
from tests.pipeline_repo import ROOT, PipelineRepo
from tests.s3_server import s3_server

GB = 10**9


def only(findings):
    (finding,) = findings
    return finding


def statuses(findings):
    return [finding.status for finding in findings]


# The command


def run(monkeypatch, capsys, *words):
    """The exit status and what is printed."""
    monkeypatch.setattr(sys, "argv", ["doctor", *words])
    capsys.readouterr()
    status = doctor.main()
    return status, capsys.readouterr().out.splitlines()


def test_a_fail_is_the_exit_status_and_a_warning_is_not(monkeypatch, capsys):
    findings = {"a": Finding("ok", "well"), "b": Finding("warn", "so so", "mend it")}
    monkeypatch.setattr(doctor, "CHECKS", {name: lambda f=f: [f] for name, f in findings.items()})
    said = ["ok    a         well", "warn  b         so so", "                → mend it"]
    assert run(monkeypatch, capsys) == (0, said)
    monkeypatch.setitem(doctor.CHECKS, "a", lambda: [Finding("fail", "bad", "mend")])
    assert run(monkeypatch, capsys)[0] == 1
    assert run(monkeypatch, capsys, "b") == (0, said[1:])
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, capsys, "c")


def test_a_check_that_stops_is_a_fail_and_the_others_go_on(monkeypatch, capsys):
    def stops():
        yield Finding("ok", "first")
        raise KeyError("https://me:secret@a.org/?token=secret")

    monkeypatch.setattr(doctor, "CHECKS", {"a": stops, "b": lambda: [Finding("ok", "last")]})
    status, lines = run(monkeypatch, capsys)
    assert status == 1
    assert lines[1].startswith("fail  a         the check stopped: KeyError: 'https://a.org/")
    assert lines[2:] == ["                → python -m commands.doctor a", "ok    b         last"]


def test_no_answer_and_an_error_in_time_are_told_apart():
    with pytest.raises(TimeoutError, match=r"no answer in 0.01 s"):
        within(0.01, lambda: time.sleep(1))
    with pytest.raises(TimeoutError, match="its own"):
        within(9, lambda: (_ for _ in ()).throw(TimeoutError("its own")).send(None))
    assert within(9, lambda: 7) == 7


# Python, packages, codecs


def test_this_python_and_its_packages_are_as_required(monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert only(check_python(ROOT)).status == "ok"
    assert "fail" not in statuses(check_packages(ROOT))


def test_another_python_in_path_or_too_old_a_one_is_named(monkeypatch, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.99"\n')
    (tmp_path / "python").write_text("#!/bin/sh\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    old, other = check_python(tmp_path)
    assert old.text.startswith("expected Python 3.99 or newer, got 3.")
    assert f"from PATH, which is {tmp_path}/python" in other.text
    assert other.mend == f"source {Path(sys.executable).parent / 'activate'}"
    assert (old.status, other.status) == ("fail", "fail")


def test_a_missing_package_fails_and_another_version_is_a_warning(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "requirements.txt").write_text("numpy==0.1\nNo_Such.thing[x]==1\n")
    (tmp_path / "conf/constraints.txt").write_text("pytest==0.2\npytz-no==1\n# ruff==0\n")
    missing, others = check_packages(tmp_path)
    assert (missing.status, missing.text) == ("fail", "not installed: no-such-thing")
    assert others.status == "warn"
    assert "numpy" in others.text and "(pinned: 0.1), pytest" in others.text
    assert others.mend == "pip install -r requirements.txt"


def test_a_codec_that_is_not_there_is_named(monkeypatch):
    assert statuses(check_codecs()) == ["ok"]
    fault, _ = [*check_codecs({"WAV": "PCM_16", "FLAC": "GSM610"}), None]
    assert fault.text.endswith("can't decode FLAC")
    assert fault.mend.startswith("pip install --force-reinstall --no-deps soundfile==")
    monkeypatch.setitem(sys.modules, "av", None)
    lacking = only(check_codecs())
    assert (lacking.status, lacking.mend) == ("warn", "pip install -r requirements/audio.txt")


# GPUs: NVIDIA's Python package, on a library in C that answers as the driver's does


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    path = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    source = Path(__file__).with_name("nvml.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, source], check=True)
    return ctypes.CDLL(str(path))


@pytest.fixture
def machine_with_gpu(library, monkeypatch):
    """Plants a torch built for CUDA 13.0 or for CPUs, and a driver."""

    def plant(torch_cuda, driver_cuda, used=0):
        monkeypatch.setattr(pynvml, "nvmlLib", library)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        monkeypatch.setattr(gpu, "torch_cuda", lambda: torch_cuda)
        values = {"CUDA": driver_cuda, "USED": used, "PID": os.getpid()}
        for name, value in values.items():
            monkeypatch.setenv(f"NVML_{name}", str(value))

    return plant


def machine(device="auto"):
    return MachineParams(device=device, num_threads=1, num_processes=1, shard_weights=False)


@pytest.mark.parametrize(
    ("torch_cuda", "driver_cuda", "status", "text"),
    [
        ("13.0", 13000, "ok", "runs it, 1 × NVIDIA T4"),
        ("13.2", 13000, "ok", "runs it"),  # minor versions are compatible
        ("13.0", 12020, "fail", "is built for CUDA 13.0, driver 535.54.03 runs 12.2 at most"),
        (None, 13000, "fail", "is built for CPUs, and here are 1 GPUs: NVIDIA T4"),
    ],
)
def test_torch_must_be_built_for_a_cuda_that_the_driver_runs(
    machine_with_gpu, torch_cuda, driver_cuda, status, text
):
    machine_with_gpu(torch_cuda, driver_cuda)
    finding = only(gpu.check_torch(machine()))
    assert (finding.status, text in finding.text) == (status, True)
    assert (finding.mend == "") == (status == "ok")


def test_a_driver_that_was_updated_under_its_module_is_named(machine_with_gpu, monkeypatch):
    machine_with_gpu("13.0", 13000)
    monkeypatch.setenv("NVML_MISMATCH", "1")
    finding = only(gpu.check_torch(machine()))
    assert (finding.status, finding.mend) == ("fail", "sudo reboot")
    assert "mismatch" in finding.text


def test_the_memory_of_a_gpu_is_listed_with_its_holders(machine_with_gpu):
    machine_with_gpu("13.0", 13000, used=GB)
    assert only(gpu.check_memory()) == Finding("ok", "GPU 0: 1.0 of 16.0 GB in use")
    machine_with_gpu("13.0", 13000, used=9 * GB)
    finding = only(gpu.check_memory())
    assert finding.text.startswith(f"GPU 0: 9.0 of 16.0 GB in use, by {os.getpid()} (")
    assert finding.text.endswith(" 9.0 GB")
    assert (finding.status, finding.mend) == ("warn", f"kill {os.getpid()}")


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has a GPU")
def test_without_a_gpu_only_a_machine_that_must_have_one_fails():
    assert only(gpu.check_torch(machine())).status == "ok"
    assert only(gpu.check_torch(machine("cuda"))).status == "fail"
    assert list(gpu.check_memory()) == []
    assert (gpu.torch_cuda() is None) == version("torch").endswith("+cpu")


# Disk and remote: a DVC repository, a small disk, an S3 server


@pytest.fixture
def repo(tmp_path, monkeypatch):
    repo = PipelineRepo(tmp_path / "repo")
    (repo.folder / ".dvc").mkdir(parents=True)  # as `dvc init`, which takes a second
    (repo.folder / ".dvc/config").touch()
    (repo.folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    repo.run("git", "init", "--quiet", "--initial-branch", "main")
    monkeypatch.chdir(repo.folder)
    return repo


def data_of(size, folder):
    (folder / "data.dvc").write_text(
        f"outs:\n- {{md5: {'a' * 32}, size: {size}, hash: md5, path: data}}\n"
    )


@pytest.mark.integration
def test_data_that_does_not_fit_on_the_disk_is_found_before_it_is_pulled(repo, small_disk):
    (repo.folder / ".dvc/config.local").write_text(
        f"[cache]\n    dir = {small_disk}\n    type = symlink\n"
    )
    data_of(100_000, repo.folder)
    assert statuses(check_disk()) == ["ok"]
    data_of(GB, repo.folder)
    finding = only(check_disk())
    assert finding.status == "fail"
    assert finding.text.startswith("0.0 GB free at ")
    assert finding.text.endswith("dvc pull needs 1.0 GB")
    # A copy on another disk than the cache's: all of it twice.
    (repo.folder / ".dvc/config.local").write_text(f"[cache]\n    dir = {small_disk}\n")
    copies, full = check_disk()
    assert copies.mend.startswith("dvc config --local cache.type reflink,hardlink,copy")
    assert full.text.endswith("dvc pull needs 2.0 GB")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def remote(server, repo, monkeypatch):
    """A repository with a verified remote on the server; the fixture changes it."""
    for name, value in server.credentials.items():
        monkeypatch.setenv(name, value)

    def use(url="s3://dvc/storage", verify=True):
        config = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {url}\n"
        (repo.folder / ".dvc/config").write_text(config + "    verify = true\n" * verify)
        return list(check_remote())

    return use


@pytest.mark.integration
def test_a_remote_is_written_read_and_left_as_it_was(server, remote):
    assert remote() == [Finding("ok", "storage, s3://dvc/storage: written, read back, deleted")]
    # SeaweedFS leaves the folder, which S3 does not have.
    assert [path for path in server.files().find("dvc") if path.startswith("dvc/storage/")] == []
    unverified = remote(verify=False)[-1]
    assert (unverified.status, unverified.mend) == (
        "warn", "dvc remote modify storage verify true",
    )  # fmt: skip


@pytest.mark.integration
def test_a_remote_that_can_be_read_only_fails_before_a_gpu_is_paid_for(server, remote):
    deny = {"Effect": "Deny", "Principal": "*", "Action": ["s3:PutObject"],
            "Resource": ["arn:aws:s3:::dvc/*"]}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    server.files().call_s3("put_bucket_policy", Bucket="dvc", Policy=policy)
    try:
        finding = only(remote())
    finally:
        server.files().call_s3("delete_bucket_policy", Bucket="dvc")
    assert finding.status == "fail"
    assert "storage, s3://dvc/storage, can't be written: Access Denied" in finding.text


@pytest.mark.integration
def test_wrong_credentials_fail(remote, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    finding = only(remote())
    assert finding.status == "fail"
    assert "can't be written" in finding.text
    assert finding.mend.startswith("export AWS_ACCESS_KEY_ID=")


@pytest.mark.integration
def test_a_remote_that_does_not_answer_is_a_warning(remote, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("asr.doctor.storage.check_remote.__defaults__", (1.0,))
    finding = only(remote())
    assert finding.status == "warn"
    assert "can't be reached: no answer in 1 s" in finding.text


@pytest.mark.integration
def test_a_repository_without_a_remote_is_a_warning_and_a_file_is_no_remote(repo, remote):
    assert only(check_remote()).mend.startswith("dvc remote add --default")
    (repo.folder / "file").write_text("no folder")
    no_folder = only(remote(str(repo.folder / "file")))
    assert (no_folder.status, no_folder.mend) == ("fail", "dvc remote modify storage url …")
    assert remote(str(repo.folder / "new"))[0].status == "ok"


# The hub: a server on this machine


@pytest.fixture
def hub(monkeypatch):
    """A hub of one user, ``me``, whose clock is off by ``hub.off_s``."""

    class Hub(BaseHTTPRequestHandler):
        off_s = 0.0

        def date_time_string(self, timestamp=None):
            return formatdate(time.time() + self.off_s, usegmt=True)

        def do_HEAD(self):
            self.send_response(302)
            self.end_headers()

        def do_GET(self):
            known = self.headers["Authorization"] == "Bearer right"
            body = b'{"name": "me", "type": "user"}' if known else b"{}"
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
        monkeypatch.setenv("HF_TOKEN", "right")
        yield Hub
        server.shutdown()


def test_the_hub_knows_the_token_or_refuses_it(hub, monkeypatch):
    finding = only(check_hub())
    assert (finding.status, finding.text.split(", ")[1]) == ("ok", "logged in as me")
    monkeypatch.setenv("HF_TOKEN", "wrong-token")
    finding = only(check_hub())
    assert (finding.status, finding.mend) == ("fail", "hf auth login --force")
    assert finding.text.endswith("refuses the token, with status 401")
    assert "wrong-token" not in finding.text


def test_a_clock_that_is_wrong_is_a_fail(hub):
    hub.off_s = -3600.0
    wrong, login = check_hub()
    assert (wrong.status, login.status) == ("fail", "ok")
    assert re.search(r"off by \+36\d\d s", wrong.text)


def test_no_token_and_no_hub_are_warnings(hub, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.setattr("huggingface_hub.utils._auth.constants.HF_TOKEN_PATH", str(tmp_path / "n"))
    assert only(check_hub()).mend == "hf auth login"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://me:secret@127.0.0.1:9")
    finding = only(check_hub())
    assert finding.status == "warn"
    assert finding.text.startswith("http://127.0.0.1:9 can't be reached")


# Git, queue, labels


@pytest.mark.integration
def test_what_another_machine_would_not_get_from_git(tmp_path):
    origin, repo = PipelineRepo(tmp_path / "origin"), PipelineRepo(tmp_path / "repo")
    origin.folder.mkdir()
    assert "not a git repository" in only(check_git(origin.folder)).text
    origin.run("git", "init", "--quiet", "--initial-branch", "main")
    origin.commit("First")
    origin.clone(repo.folder)
    assert only(check_git(repo.folder)).text.endswith("committed and pushed")
    (repo.folder / "a b").write_text("new")
    assert only(check_git(repo.folder)) == Finding(
        "warn", "1 files in no commit: a b", "git add --all && git commit"
    )
    repo.commit("Second")
    (repo.folder / "a b").write_text("newer")
    ahead, dirty = check_git(repo.folder)
    assert (ahead.text, ahead.mend) == ("1 commits are not pushed", "git push")
    assert dirty.text == "1 files in no commit: a b"
    origin.commit("Third")
    repo.run("git", "fetch", "--quiet")
    assert [f.mend for f in check_git(repo.folder)][1] == "git pull --rebase"
    repo.run("git", "switch", "--quiet", "--create", "mine")
    mine = next(iter(check_git(repo.folder)))
    assert mine.mend == "git push --set-upstream origin mine"
    repo.run("git", "checkout", "--quiet", "--detach")
    assert next(iter(check_git(repo.folder))).mend == "git switch --create NAME"


@pytest.mark.integration
def test_a_queue_that_nobody_works_on_is_a_warning(repo):
    assert statuses(check_queue()) == ["ok"]
    (repo.folder / "params.yaml").write_text("lr: 0\n")
    stage = "stages:\n  train:\n    cmd: 'true'\n    params: [lr]\n"
    (repo.folder / "dvc.yaml").write_text(stage)
    repo.commit("A stage")
    repo.run("dvc", "exp", "run", "--queue", "-S", "lr=1")
    assert only(check_queue()) == Finding(
        "warn", "1 are queued and no worker runs", "dvc queue start"
    )


def test_labels_of_the_last_training(tmp_path):
    path = tmp_path / "train.json"
    assert only(check_labels_of_training(path)).mend == "python -m commands.check_labels"
    labels = {"num_utterances": 9, "num_lossy": 0, "num_too_long": 0}
    for lossy, status in ((0, "ok"), (2, "warn")):
        path.write_text(json.dumps({"labels": labels | {"num_lossy": lossy}}))
        finding = only(check_labels_of_training(path))
        assert finding.status == status
        assert finding.text.startswith(f"the last training's 9 transcripts; {lossy} with letters")
