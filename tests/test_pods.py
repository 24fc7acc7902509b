# python -m pytest tests/test_pods.py
"""Rented machines: a real sshd, a stand-in for RunPod's API, real Git and real `hf jobs`.

What runs on them: tests/test_pod_run.py.
"""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.core.params import read_yaml
from asr.pods import provider, runpod
from asr.pods.checks import check_clock, check_git, check_storage, check_writable
from asr.pods.console import Console
from asr.pods.hf_jobs import HfJobs
from asr.pods.settings import CREDENTIALS, Settings, read_settings
from asr.pods.work import Run, planned_run
from commands.pod import _overrides, _parser
from tests.pipeline_repo import ROOT, PipelineRepo, wait_for
from tests.runpod_server import KEY, runpod_server
from tests.ssh_server import ssh_server

RUN = """
trap 'echo saved; exit 143' TERM
echo "run of $EXPERIMENT"
touch lock
while [ ! -e finish ]; do sleep 0.05; done
"""
NO_TARGETS = {"targets": "", "jobs": "", "restart": False, "bundle": False}


def run_of(**variables):
    return Run({"EXPERIMENT": "e", "RESTART": "", **variables}, {"HF_TOKEN": "hf_secret"}, None)


@pytest.fixture
def laptop(tmp_path, monkeypatch):
    """A work tree with pods/, but a short run.sh, whose origin is a bare repository."""
    repo = PipelineRepo(tmp_path / "laptop")
    repo.folder.mkdir()
    shutil.copytree(ROOT / "pods", repo.folder / "pods")
    (repo.folder / "pods/run.sh").write_text(RUN)
    (repo.folder / ".gitignore").write_text("/.pod.env\n/.runpod.env\n")
    repo.run("git", "init", "--quiet", "--bare", str(tmp_path / "bare.git"))
    repo.run("git", "init", "--quiet", "--initial-branch", "main")
    repo.run("git", "remote", "add", "origin", str(tmp_path / "bare.git"))
    repo.commit("All")
    repo.run("git", "push", "--quiet", "origin", "main")
    monkeypatch.chdir(repo.folder)
    for name in (*CREDENTIALS, "RUNPOD_API_KEY", "POD_ID"):
        monkeypatch.delenv(name, raising=False)
    return repo


def settings(laptop, **values):
    (laptop.folder / ".pod.env").write_text("".join(f"{k}='{v}'\n" for k, v in values.items()))
    return read_settings(laptop.folder)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with ssh_server(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def ssh_settings(laptop, sshd, tmp_path):
    return settings(
        laptop, PROVIDER="ssh", SSH_HOST=f"{sshd.user}@{sshd.host}", SSH_PORT=sshd.port,
        SSH_KEY_PATH=sshd.key, SSH_OPTIONS=sshd.options, WORKDIR=tmp_path / "box",
    )  # fmt: skip


@pytest.fixture
def api(sshd, monkeypatch):
    with runpod_server() as server:
        server.ssh = {"host": sshd.host, "port": sshd.port, "username": sshd.user}
        monkeypatch.setattr(runpod, "API", server.url)
        monkeypatch.setattr(runpod, "POLL_S", 0.05)
        yield server


@pytest.fixture
def runpod_settings(laptop, sshd, tmp_path):
    return settings(
        laptop, PROVIDER="runpod", RUNPOD_API_KEY=KEY, GPU_TYPE="NVIDIA GeForce RTX 4090",
        SSH_KEY_PATH=sshd.key, NETWORK_VOLUME_ID="vol_xyz", WORKDIR=tmp_path / "box",
    )  # fmt: skip


def in_terminal(*words):
    """A command of commands.pod in a terminal of its own, and the terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "commands.pod", *words], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}, start_new_session=True,
        # A shell that runs the tests in the background lets them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    os.close(theirs)
    return process, ours


def read_until(terminal, text):
    said = b""
    while text.encode() not in said:
        assert select.select([terminal], [], [], 60)[0], said
        said += os.read(terminal, 4096)
    return said.decode()


def drained(terminal):
    said = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            if not (more := os.read(terminal, 4096)):
                break
        except OSError:  # all who could write have closed it
            break
        said += more
    return said.decode()


@pytest.mark.integration
def test_a_run_over_ssh_outlives_tail_and_terminal_and_is_stopped_politely(
    ssh_settings, tmp_path, capfd
):
    box = provider(ssh_settings, Console(yes=True))
    box.train(run_of())
    assert "hf_secret" not in capfd.readouterr().out

    tail, terminal = in_terminal("tail")
    read_until(terminal, "run of e\r")
    os.killpg(tail.pid, signal.SIGINT)
    assert "left; a run that has started goes on" in drained(terminal)
    assert tail.wait(30) == 0
    assert box.is_running()
    for _ in ("attach", "again"):
        attached, terminal = in_terminal("attach")
        read_until(terminal, "run of e")
        for typed in (b"\x02", b"d"):  # tmux takes keys within a millisecond for pasted text
            os.write(terminal, typed)
            time.sleep(0.2)
        drained(terminal)
        assert attached.wait(30) == 0
        assert box.is_running()
    with pytest.raises(InputError, match="a run is going on there"):
        box.train(run_of())

    box.train(run_of(EXPERIMENT="restarted", RESTART="1"))
    log = tmp_path / "box" / "run.log"
    wait_for(lambda: "run of restarted" in log.read_text())
    assert log.read_text().count("saved") == 1
    box.stop()
    wait_for(lambda: not box.is_running())
    assert log.read_text().count("saved") == 2
    assert "run.sh ended with 143" in log.read_text()
    assert not (tmp_path / "box" / "environment").exists()
    box.tail()
    assert "pod: no run is going on" in capfd.readouterr().out


@pytest.mark.integration
def test_a_pod_is_created_resumed_and_stopped(laptop, api, runpod_settings, tmp_path, capfd):
    (tmp_path / "box").mkdir()
    pod = provider(runpod_settings, Console(yes=True))
    pod.train(run_of())
    made = next(iter(api.pods.values()))
    assert f"POD_ID={made['id']}" in (laptop.folder / ".pod.env").read_text()
    assert made["mounts"] == {"network": [{"volumeId": "vol_xyz", "path": "/workspace"}]}
    assert KEY not in json.dumps(made) and "hf_secret" not in json.dumps(made)
    said = capfd.readouterr().out
    assert "create pod mothertongue, 1 x NVIDIA GeForce RTX 4090, 0.44 USD/h? yes (--yes)" in said
    wait_for(lambda: (tmp_path / "box" / "lock").exists())
    pod.cost()
    assert "RUNNING: 0.44 USD/h" in capfd.readouterr().out
    pod.stop()
    assert "saved" in (tmp_path / "box" / "run.log").read_text()
    assert made["status"] == "EXITED"
    provider(read_settings(laptop.folder), Console(yes=True)).up()  # another shell, another day
    actions = [f"POST /v2/pods/{made['id']}/action {one}" for one in ("stop", "start")]
    assert api.asked == ["POST /v2/pods", *actions]


@pytest.mark.integration
def test_what_runpod_refuses_is_named(laptop, api, runpod_settings, monkeypatch):
    refused = settings(laptop, **runpod_settings.values | {"RUNPOD_API_KEY": "wrong"})
    with pytest.raises(InputError, match="401 RUNPOD_API_KEY was refused"):
        provider(refused, Console(yes=True)).up()
    with pytest.raises(InputError, match=r"create pod .* 0.44 USD/h. nobody to ask here: --yes"):
        provider(runpod_settings, Console(yes=False)).up()
    assert api.asked == []

    api.polls_until_up = 10**9
    slow = settings(laptop, **runpod_settings.values | {"WAIT_MINUTES": "0.01"})
    message = (
        r"7h9k2m4n60 did not come up in 0.01 minutes, its last status is STARTING; it is stopped"
    )
    with pytest.raises(InputError, match=message):
        provider(slow, Console(yes=True)).up()
    assert next(iter(api.pods.values()))["status"] == "EXITED"

    api.fails_to_start = "not enough free GPUs on the host machine"
    with pytest.raises(InputError, match="action: 400 not enough free GPUs"):
        provider(slow, Console(yes=True)).up()
    with pytest.raises(InputError, match="mothertongue is taken by pod 7h9k2m4n60: set POD_ID="):
        provider(settings(laptop, **slow.values | {"POD_ID": ""}), Console(yes=True)).up()


@pytest.mark.integration
def test_a_pod_that_nobody_uses_stops_itself_and_one_that_trains_does_not(tmp_path):
    script = str(ROOT / "pods/idle.sh")
    number = subprocess.check_output(["cksum"], input=f"{tmp_path}\n", text=True).split()[0]
    lock = Path(f"/tmp/pod-{os.getuid()}-{number}.lock")  # of run.sh
    given = {
        **os.environ, "WORKDIR": str(tmp_path), "IDLE_MINUTES": "0", "PAUSE_S": "1",
        "STOP_COMMAND": "echo stopped", "STOP_FILE": str(tmp_path / "stop-pod"),
    }  # fmt: skip
    idle = subprocess.run(["bash", script], env=given, capture_output=True, timeout=60, check=True)
    assert idle.stdout == b"stopped\n"
    given["IDLE_MINUTES"] = "1"
    given["PAUSE_S"] = "60"
    with subprocess.Popen(["flock", lock, "sleep", "60"], start_new_session=True) as training:
        wait_for(lock.exists)
        # Sleep is over at once here, so that an hour is: only the lock keeps the pod.
        (tmp_path / "sleep").write_text("#!/bin/sh\n")
        (tmp_path / "sleep").chmod(0o755)
        given["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
        with subprocess.Popen(["bash", script], env=given, stdout=subprocess.PIPE) as watch:
            time.sleep(0.5)
            assert watch.poll() is None
            os.killpg(training.pid, signal.SIGKILL)
            assert watch.communicate(timeout=60)[0] == b"stopped\n"
    lock.unlink()


def test_uncommitted_and_unpushed_work_is_refused_by_name_or_sent(laptop, tmp_path):
    given = settings(laptop, PROVIDER="ssh")
    assert (
        planned_run(given, "e", ["a=1", "b=2"], **NO_TARGETS).variables["OVERRIDES"] == "a=1\nb=2"
    )
    (laptop.folder / "new.py").write_text("new")
    with pytest.raises(
        InputError, match=r"1 files are not committed \(new.py\): commit, or --bund"
    ):
        planned_run(given, "e", [], **NO_TARGETS)
    run = planned_run(given, "e", [], **NO_TARGETS | {"bundle": True})
    laptop.commit("New")
    with pytest.raises(InputError, match=r"commit \w{10} was not pushed: git push, or --bundle"):
        planned_run(given, "e", [], **NO_TARGETS)
    # As pods/run.sh does.
    (tmp_path / "work.bundle").write_bytes(run.bundle)
    clone = laptop.run("git", "remote", "get-url", "origin").strip()
    laptop.run("git", "clone", "--quiet", clone, str(tmp_path / "clone"))
    there = ("git", "-C", str(tmp_path / "clone"))
    laptop.run(
        *there, "fetch", "--quiet", str(tmp_path / "work.bundle"), "+refs/pods/*:refs/pods/*"
    )
    revision = run.variables["REVISION"]
    assert laptop.run(*there, "show", f"{revision}:new.py") == "new"
    assert ".pod.env" not in laptop.run(*there, "ls-tree", "--name-only", revision)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("PROVIDER=moon", "PROVIDER: expected runpod, sky, hf or ssh, got 'moon'"),
        ("", "PROVIDER is not set; pods/pod.env.example says what it is"),
        ("PROVIDER=runpod", "RUNPOD_API_KEY is not set"),
        ("PROVIDER=ssh", "SSH_HOST is not set"),
        ("PROVIDER=ssh\nSSH_HOST=h\nSSH_KEY_PATH=/no", "SSH_KEY_PATH: /no does not exist"),
        ("PROVIDR=ssh", r"unknown \['PROVIDR'\]"),
        ("PROVIDER ssh", r"\.pod\.env:1: expected NAME=value$"),
        ("HF_TOKEN='s3cret", r"\.pod\.env:1: No closing quotation$"),
    ],
)
def test_settings_that_cannot_be_read_are_named(laptop, lines, said):
    (laptop.folder / ".pod.env").write_text(lines)
    with pytest.raises(InputError, match=said):
        provider(read_settings(laptop.folder), Console(yes=True))


def test_settings_come_from_an_older_file_too_and_from_none_that_git_would_commit(laptop):
    (laptop.folder / ".runpod.env").write_text("export GPU_TYPE='RTX 4090'  # mine\nOTHER=1\n")
    found = read_settings(laptop.folder)
    found.write("POD_ID", "7h9k")
    assert read_settings(laptop.folder)["POD_ID"] == "7h9k"
    assert read_settings(laptop.folder)["GPU_TYPE"] == "RTX 4090"
    assert found.path.stat().st_mode & 0o777 == 0o600
    (laptop.folder / ".gitignore").write_text("")
    with pytest.raises(InputError, match=r"\.runpod\.env: Git does not ignore it"):
        read_settings(laptop.folder)


def test_git_that_cannot_be_written_and_a_taken_name_are_found_before_anything_costs(laptop):
    bare = laptop.run("git", "remote", "get-url", "origin").strip()
    check_git(bare, "e", restart=False)
    with pytest.raises(InputError, match=r"REPOSITORY /no.git: can't be written: git ls-remote: "):
        check_git("/no.git", "e", restart=False)
    laptop.run("git", "push", "--quiet", bare, f"HEAD:refs/exps/aa/{'b' * 38}/e")
    with pytest.raises(InputError, match=r"e is taken: .* choose another, or --restart"):
        check_git(bare, "e", restart=False)
    check_git(bare, "e", restart=True)


def test_a_password_in_the_url_is_refused(laptop):
    given = settings(laptop, PROVIDER="ssh", REPOSITORY="https://me:pw@example.org/a.git")
    with pytest.raises(InputError, match="its URL has a password") as error:
        planned_run(given, "e", [], **NO_TARGETS)
    assert "pw" not in str(error.value).replace("password", "")


def test_a_storage_that_cannot_be_written_and_a_wrong_clock_are_named(laptop, tmp_path):
    import fsspec

    files = fsspec.filesystem("file")
    check_writable(files, str(tmp_path / "remote"), "REMOTE")
    assert list((tmp_path / "remote").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="REMOTE: can't be written: FileExistsError"):
        check_writable(files, str(tmp_path / "file"), "REMOTE")
    now = datetime.now(UTC)
    check_clock("REMOTE", now + timedelta(seconds=200), now)
    with pytest.raises(InputError, match=r"clock is \+3600 s off that of REMOTE"):
        check_clock("REMOTE", now - timedelta(hours=1), now)


@pytest.mark.integration
def test_the_dvc_remote_is_written_by_dvc_itself(laptop, tmp_path):
    laptop.run("dvc", "init", "--quiet")
    with pytest.raises(InputError, match=r"DVC remote: NoRemoteError: .* no remote specified"):
        check_storage("", "")
    check_storage(str(tmp_path / "storage"), f"file://{tmp_path}/mirror")
    with pytest.raises(InputError, match="MIRROR file:///dev/null/a: can't be written: "):
        check_storage(str(tmp_path / "storage"), "file:///dev/null/a")


@pytest.mark.integration
def test_hugging_face_understands_the_command_and_sees_secrets_by_name(laptop, tmp_path):
    given = settings(laptop, PROVIDER="hf", GPU_TYPE="l4x1")
    plan = planned_run(given, "e", ["train.lr=1e-5", "seed=2"], **NO_TARGETS)
    words, shown = HfJobs(given, Console(yes=True)).words(
        Run(plan.variables, {"HF_TOKEN": "hf_secret"}, None)
    )
    assert "hf_secret" not in shown + str(words)
    here = {"HF_TOKEN": "hf_secret", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    said = laptop.run(*words[:3], "--dry-run", *words[3:], **here)
    assert "(dry run) Job not submitted" in said
    for line in ("flavor    l4x1", "timeout   24h", "attempts  3", "HF_TOKEN=***"):
        assert line in said
    assert "OVERRIDES=" in said and "hf_secret" not in said


def test_the_scripts_are_free_of_shells_traps():
    scripts = sorted(str(path) for path in (ROOT / "pods").glob("*.sh"))
    checked = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert len(scripts) == 3 and checked.stdout == "", checked.stdout


def test_the_task_of_skypilot_has_all_that_run_sh_and_the_settings_name():
    task = read_yaml(ROOT / "pods/sky.yaml")
    assert task["secrets"].keys() == set(CREDENTIALS)
    assert all(name in task["run"] for name in CREDENTIALS)
    run = (ROOT / "pods/run.sh").read_text()
    assert all(f"{name} " in run for name in task["envs"])
    example = (ROOT / "pods/pod.env.example").read_text()
    assert all(f"\n{name}=" in example for name in CREDENTIALS)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_skypilot_reads_the_task_and_names_what_it_lacks(tmp_path):
    python = tmp_path / "sky" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "sky")], check=True)
    install = ("-m", "pip", "install", "--quiet", "skypilot==0.14.1")
    subprocess.run([str(python), *install], check=True)
    task = (ROOT / "pods/sky.yaml").read_text()
    here = {**os.environ, "HOME": str(tmp_path), "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"}

    def said(*words):
        done = subprocess.run(
            (str(python), *words), cwd=ROOT, env=here, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    read = (
        "import sky, sys, yaml; names = 'REPOSITORY', 'REVISION', 'EXPERIMENT'; "
        "given = [(name, 'x') for name in names]; "
        "task = sky.Task.from_yaml_config(yaml.safe_load(sys.argv[1]), env_overrides=given); "
        "print(sorted(str(r.accelerators) for r in task.resources), "
        "[(r.autostop_config.idle_minutes, r.autostop_config.down) for r in task.resources][0])"
    )
    assert said("-c", read, task).splitlines()[-1] == (
        """["{'A100': 1}", "{'L40S': 1}", "{'RTX4090': 1}"] (30, True)"""
    )
    assert "acelerators" in said("-c", read, task.replace("accelerators", "acelerators"))
    for verb, options in {
        (
            "launch",
        ): "--cluster --infra --gpus --idle-minutes-to-autostop --down --detach-run --env "
        "--secret --yes",
        ("jobs", "launch"): "--name --infra --gpus --use-spot --detach-run --env --secret --yes",
        ("jobs", "logs"): "--name",
        ("jobs", "cancel"): "--name --yes",
        ("down",): "--yes",
        ("logs",): "CLUSTER",
        ("cost-report",): "Usage",
    }.items():
        shown = said(str(python.parent / "sky"), *verb, "--help")
        assert all(option in shown for option in options.split()), shown


@pytest.mark.parametrize("name", ["sky", "hf"])
def test_a_bundle_is_refused_where_it_cannot_go(laptop, name):
    where = provider(settings(laptop, PROVIDER=name, GPU_TYPE="a"), Console(yes=True))
    with pytest.raises(InputError, match=f"{name}: unpushed work can't be sent there: git push"):
        where.train(Run({}, {}, b"bundle"))


def test_a_program_that_is_not_installed_is_named(laptop, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    where = provider(Settings(laptop.folder, {"PROVIDER": "sky"}), Console(yes=True))
    with pytest.raises(InputError, match=r"sky is not installed: docs/pods\.md"):
        where.stop()


def test_recipes_and_overrides_come_in_this_order(monkeypatch):
    monkeypatch.chdir(ROOT)
    given = _parser().parse_args(["debug", "-S", "train.max_steps=2"])
    overrides = _overrides(given)
    assert overrides[0] == "prepare.max_utterances=140"
    assert overrides[-1] == "train.max_steps=2"
    assert (given.name, given.restart) == ("debug", True)
