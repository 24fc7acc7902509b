# python -m pytest tests/test_mirror_names.py
"""A mirror that somebody else wrote: what it names is no file of this machine but the run's own."""

import hashlib
import json

import pytest

from asr.training.state.mirror import Mirror
from asr.training.state.scratch import scratch_folder

CONTENT = b"from elsewhere"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
STEP = "step-00000005"


@pytest.fixture
def fetched(tmp_path, monkeypatch, capsys):
    """Starts a training with a mirror that lists these files; what is printed."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "machine"))
    (tmp_path / "mirror").mkdir()

    def start(names, step=5, sha256=SHA256):
        (tmp_path / "mirror" / SHA256).write_bytes(CONTENT)
        (tmp_path / "outside").write_bytes(CONTENT)
        state = {"step": step, "files": dict.fromkeys(names, sha256)}
        (tmp_path / "mirror" / "mirror.json").write_text(json.dumps(state))
        with scratch_folder("train", "k") as scratch:
            before = (scratch / "lock").stat().st_ino
            Mirror(f"file://{tmp_path}/mirror", scratch).fetch()
            assert (scratch / "lock").stat().st_ino == before
            files = sorted(
                str(path.relative_to(scratch)) for path in scratch.rglob("*") if path.is_file()
            )
        return files, capsys.readouterr().err

    return start


def test_the_names_of_a_run_are_fetched(fetched):
    names = [f"{STEP}/state.json", "best-00000005.safetensors", "facts.json"]
    files, said = fetched(names)
    assert files == sorted([*names, "lock"])
    assert "state after step 5 fetched" in said


@pytest.mark.parametrize(
    "name",
    [
        "lock", "./lock", f"{STEP}/../lock", "../lock", "../../../../outside", "/tmp/outside",
        f"{STEP}/../../train-other/facts.json", f"{STEP}/.hidden", ".mirror.1.partial", "", ".",
        "..", f"{STEP}/", f"{STEP}//a", STEP, "step-zzz", "step-zzz/a", "step-00000009/a",
        "other/a", f"{STEP}/a/b", "a\\b", "a\nb", "a\0b", "lock/a",
    ],
)  # fmt: skip
def test_any_other_name_leaves_everything_as_it_was(fetched, name):
    files, said = fetched([f"{STEP}/state.json", name])
    assert files == ["lock"]
    assert said.startswith("mirror skipped: ") and "/mirror/mirror.json: " in said


@pytest.mark.parametrize(
    ("names", "options"),
    [
        ([f"{STEP}/a"], {"step": 6}),  # another step than its checkpoint's
        (["best-00000005.safetensors"], {}),  # no checkpoint
        ([], {}),
        ([f"{STEP}/a"], {"step": 10**30}),
        ([f"{STEP}/a"], {"sha256": "../outside"}),
        ([f"{STEP}/a"], {"sha256": "0" * 64}),  # no such file in the mirror
    ],
)
def test_a_mirror_that_is_not_whole_stops_no_start(fetched, tmp_path, names, options):
    files, said = fetched(names, **options)
    assert files == ["lock"]
    assert said.startswith(f"mirror skipped: file://{tmp_path}/mirror/")


def test_the_local_state_goes_on_beside_such_a_mirror(fetched, tmp_path):
    local = tmp_path / "machine" / ".dvc" / "tmp" / "scratch" / "train-k" / "step-00000003"
    local.mkdir(parents=True)
    (local / "state.json").write_text("{}")
    files, said = fetched(["lock", f"{STEP}/a"])
    assert files == ["lock", "step-00000003/state.json"]
    assert said.startswith("mirror skipped: ")
