"""Real processes and real locks on pretended GPUs: a stand-in for nvidia-smi lists them."""

import fcntl
import os
import select
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.devices.gpu_claim import claim_gpus, lock_folder_of_user, visible_gpus

ROOT = Path(__file__).parent.parent
CLAIM = """
import os, sys
from pathlib import Path
from asr.devices.gpu_claim import claim_gpus
print("ready", file=sys.stderr, flush=True)
claim_gpus(int(sys.argv[1]), Path(sys.argv[2]))
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
input()
"""


@pytest.fixture
def two_gpus(tmp_path, monkeypatch):
    """A machine whose nvidia-smi lists GPU-a and GPU-b."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho '0, GPU-a'\necho '1, GPU-b'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)


@contextmanager
def claiming(folder, count=1):
    """A process that claims and holds until it gets a line or is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(count), str(folder)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stderr.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.integration
def test_each_process_has_a_gpu_of_its_own_and_the_third_waits_for_a_death(two_gpus, tmp_path):
    with ExitStack() as stack:
        first, second = (stack.enter_context(claiming(tmp_path)) for _ in range(2))
        seen = {process.stdout.readline().strip(): process for process in (first, second)}
        assert set(seen) == {"GPU-a", "GPU-b"}
        third = stack.enter_context(claiming(tmp_path))
        assert third.stderr.readline() == "waiting for 1 of 2 GPUs: all in use\n"
        seen["GPU-b"].send_signal(signal.SIGKILL)
        assert third.stdout.readline() == "GPU-b\n"


@pytest.mark.integration
def test_two_that_want_both_never_hold_one_each(two_gpus, tmp_path):
    with ExitStack() as stack:
        one = stack.enter_context(claiming(tmp_path))
        assert one.stdout.readline() == "GPU-a\n"
        both = [stack.enter_context(claiming(tmp_path, count=2)) for _ in range(2)]
        for process in both:
            assert "waiting for 2 of 2" in process.stderr.readline()
        for process in (one, *both):
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.stdout.readline() for process in both] == ["GPU-a,GPU-b\n"] * 2


@pytest.mark.integration
def test_one_at_a_time_tries(two_gpus, tmp_path):
    """Two that want both could each lock one, release it and try again, forever."""
    with (tmp_path / "gpus.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        with claiming(tmp_path) as process:
            assert select.select([process.stdout], [], [], 1.0)[0] == []
            with (tmp_path / "gpu-GPU-a.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody has it yet
            fcntl.flock(turn, fcntl.LOCK_UN)
            assert process.stdout.readline() == "GPU-a\n"


@pytest.mark.integration
def test_the_locks_lie_in_a_folder_of_the_users_own(two_gpus, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with claiming(folder := lock_folder_of_user()) as process:
        assert process.stdout.readline() == "GPU-a\n"
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(file.name for file in folder.iterdir()) == ["gpu-GPU-a.lock", "gpus.lock"]


def test_no_link_is_followed(two_gpus, tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "victim").write_text("as it was")
    (tmp_path / "link").symlink_to("locks")
    with pytest.raises(InputError, match=r"link: expected a folder, got Not a directory"):
        claim_gpus(1, tmp_path / "link")
    for name, target in (("gpus.lock", "victim"), ("gpu-GPU-a.lock", "new")):
        (tmp_path / "locks" / name).symlink_to(tmp_path / target)
        with pytest.raises(OSError, match="symbolic links"):
            claim_gpus(1, tmp_path / "locks")
        (tmp_path / "locks" / name).unlink()
    assert (tmp_path / "victim").read_text() == "as it was"
    assert not (tmp_path / "new").exists()


def test_a_folder_that_others_may_write_to_is_refused(two_gpus, tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks").chmod(0o777)
    with pytest.raises(InputError, match="alone may write to, got mode 777 of user"):
        claim_gpus(1, tmp_path / "locks")
    if os.getuid() == 0:
        (tmp_path / "locks").chmod(0o700)
        os.chown(tmp_path / "locks", 65534, 65534)
        with pytest.raises(InputError, match="got mode 700 of user 65534"):
            claim_gpus(1, tmp_path / "locks")


def test_only_those_that_the_user_lets_be_seen(two_gpus):
    assert visible_gpus({}) == ["GPU-a", "GPU-b"]
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "1"}) == ["GPU-b"]
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "MIG-x"}) == ["MIG-x"]
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}) == []
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "-1"}) == []


def test_more_than_there_are_is_refused(two_gpus, tmp_path):
    with pytest.raises(InputError, match="expected 3 GPUs, got 2: GPU-a, GPU-b"):
        claim_gpus(3, tmp_path)


def test_what_a_launcher_started_claims_nothing(two_gpus, tmp_path, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert claim_gpus(1, tmp_path) == []
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_without_a_gpu_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert claim_gpus(1, tmp_path) == []
    assert list(tmp_path.iterdir()) == []
