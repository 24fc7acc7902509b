# python -m pytest tests/test_remembered.py
import signal
import subprocess
import sys

import pytest

from asr.audit.answer_cache import NOTHING, remembered
from asr.core.errors import InputError


def test_an_answer_is_known_to_who_asks_the_same(tmp_path):
    with remembered(tmp_path, "judge 1") as answers:
        answers.keep(["clip", 4.0], {"heard": "«кот»", "log_probs": [-0.1, -1e-17]})
    with remembered(tmp_path, "judge 1") as answers:
        assert answers.recall(["clip", 4.0]) == {"heard": "«кот»", "log_probs": [-0.1, -1e-17]}
        assert answers.recall(["clip", 4.5]) is None
    with remembered(tmp_path, "judge 2") as answers:
        assert answers.recall(["clip", 4.0]) is None


def test_what_a_whole_run_did_not_ask_is_forgotten(tmp_path):
    with remembered(tmp_path, "judge") as answers:
        answers.keep("old", 1)
        answers.keep("kept", 2)
    with remembered(tmp_path, "judge") as answers:
        assert answers.recall("kept") == 2
        answers.keep("new", 3)
        answers.forget_others()
    with remembered(tmp_path, "judge") as answers:
        assert [answers.recall(one) for one in ("old", "kept", "new")] == [None, 2, 3]


def test_one_process_at_a_time_remembers(tmp_path):
    with remembered(tmp_path, "judge") as answers:
        answers.keep("question", 1)
        with remembered(tmp_path, "judge") as beside:
            beside.keep("question", 2)
            assert beside.recall("question") is None
        assert answers.recall("question") == 1


ANSWER_UNTIL_KILLED = """
import os, signal, sys
from pathlib import Path
from asr.audit.answer_cache import remembered
with remembered(Path(sys.argv[1]), "judge") as answers:
    for number in range(100):
        answers.keep(number, "said")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_takes_no_answer(tmp_path):
    killed = subprocess.run([sys.executable, "-c", ANSWER_UNTIL_KILLED, str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL
    with remembered(tmp_path, "judge") as answers:
        assert [answers.recall(number) for number in range(100)] == ["said"] * 100


def test_a_full_disk_is_said_and_what_was_kept_before_stays(small_disk):
    with remembered(small_disk, "judge") as answers:
        answers.keep("question", 1)
        with pytest.raises(InputError, match=r"answers\.sqlite: can't be written: .*full"):
            answers.keep("long", "ы" * 200_000)
    with remembered(small_disk, "judge") as answers:
        assert answers.recall("question") == 1


def test_nothing_known_stays_nothing():
    NOTHING.keep("question", 1)
    NOTHING.forget_others()
    assert NOTHING.recall("question") is None
