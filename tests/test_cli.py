import subprocess
import sys
from pathlib import Path

import pytest

from asr.core.cli import run
from asr.core.errors import InputError


def call(verb, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["verb", *words])
    run(verb)


def test_every_parameter_is_an_option_of_its_type(monkeypatch):
    got = {}

    def prepare(corpus: str, out_folder: Path) -> None:
        """Prepare."""
        got.update(corpus=corpus, out_folder=out_folder)

    call(prepare, monkeypatch, "--corpus", "be", "--out-folder", "data/be")
    assert got == {"corpus": "be", "out_folder": Path("data/be")}


def test_a_missing_option_is_named(monkeypatch, capsys):
    def prepare(corpus: str) -> None:
        """Prepare."""

    with pytest.raises(SystemExit, match="2"):
        call(prepare, monkeypatch)
    assert "--corpus" in capsys.readouterr().err


@pytest.mark.parametrize("error", [InputError("a.yaml: lr: expected less"), OSError("disk gone")])
def test_what_a_user_can_mend_is_one_line(monkeypatch, error):
    def prepare() -> None:
        """Prepare."""
        raise error

    with pytest.raises(SystemExit, match=f"^prepare: {error}$"):
        call(prepare, monkeypatch)


INTERRUPTED = """
import os, signal, sys
from asr.core.cli import run

def prepare():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
    os.kill(os.getpid(), signal.SIGINT)

sys.argv = ["prepare"]
run(prepare)
"""


@pytest.mark.integration
def test_ctrl_c_is_one_line():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "prepare: interrupted\n")


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch):
    def prepare() -> None:
        """Prepare."""
        raise KeyError("oops")

    with pytest.raises(KeyError):
        call(prepare, monkeypatch)
