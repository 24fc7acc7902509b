# python -m pytest tests/test_unchanged.py
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAGE = """
import sys
from pathlib import Path
from asr.core.cli import run
from asr.core.params import load_params
from asr.report.params import ReportParams
from asr.training.operations import OperationsParams

def stage():
    load_params("report", ReportParams)
    load_params("operations", OperationsParams)
    file, before, after = sys.stdin.read().split("|")
    Path(file).write_text(Path(file).read_text().replace(before, after, 1))

sys.argv = ["stage"]
run(stage)
"""


@pytest.fixture
def edit(tmp_path):
    """Start a stage in a copy, edit a file while it runs, and return its exit status and words."""
    for room in ("asr", "stages", "conf", "params.yaml"):
        copy = shutil.copy2 if (ROOT / room).is_file() else shutil.copytree
        copy(ROOT / room, tmp_path / room)

    def run(file, before, after, **environment):
        done = subprocess.run(
            [sys.executable, "-c", STAGE],
            input=f"{file}|{before}|{after}",
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path), **environment},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr

    return run


CHANGED = "stage: changed while the stage ran: {}; DVC would record"


@pytest.mark.parametrize(
    ("file", "before", "after", "named"),
    [
        ("params.yaml", "num_worst: 30", "num_worst: 31", "params.yaml: report"),
        (
            "asr/core/cli.py",
            "import argparse\n",
            "import argparse\nEDITED = 1\n",
            "asr/core/cli.py",
        ),
    ],
)
def test_a_stage_fails_if_its_params_or_code_change_while_it_runs(edit, file, before, after, named):
    status, words = edit(file, before, after, DVC_STAGE="report")
    assert status == 1 and words.startswith(CHANGED.format(named))
    assert len(words.splitlines()) == 1


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("params.yaml", "num_beams: 5", "num_beams: 6"),  # a section that this stage did not load
        ("params.yaml", "keep_unfinished_gb: 50", "keep_unfinished_gb: 60"),  # changes no result
        ("asr/core/cli.py", "import argparse\n", "import argparse  # a comment\n"),
    ],
)
def test_other_edits_stop_no_stage(edit, file, before, after):
    assert edit(file, before, after, DVC_STAGE="report") == (0, "")


def test_outside_of_dvc_nothing_is_recorded_and_nothing_checked(edit):
    assert edit("params.yaml", "num_worst: 30", "num_worst: 31") == (0, "")
