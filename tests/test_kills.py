# python -m pytest tests/test_kills.py -m slow
"""Stages that are killed at random moments: the next `dvc repro` makes what it would have made.

Kills during checkpoint writes and full disks: tests/test_interrupted_training.py. Sources that
change while they are read: tests/test_changing_sources.py.
"""

import os
import random
import signal
import time

import pytest

from tests.pipeline_repo import is_alive, out_hashes, wait_for

NUM_KILLS = {"goes on": 10, "is set back": 3}  # by what the clock does after a kill
DAY = 86400 * 10**9  # ns
STAGES = (
    "fetch@be", "judge", "segment@be", "prepare@be", "audit@be", "base", "split", "train",
    "transcribe@tuned", "score@tuned", "compare", "report",
)  # fmt: skip
TIMES = ("timing", "speed", "report")  # outs that hold seconds, or show them


def hashes(repo):
    return {p: md5 for p, md5 in out_hashes(repo).items() if not any(one in p for one in TIMES)}


def files(repo):
    """All files of the working tree but Git's and DVC's; those of DVC that are half written too."""
    outside = {
        str(path.relative_to(repo.folder))
        for path in repo.folder.rglob("*")
        if path.is_file() and not {".git", ".dvc", "__pycache__"} & {*path.parts}
    }
    partial = {str(path) for path in repo.folder.glob(".dvc/tmp/partial/*/*")}
    return outside | partial | {str(path) for path in repo.folder.glob(".dvc/tmp/scratch/train-*")}


def set_clock_back(repo):
    """Date all files a day later, as they look once the clock was set back by a day."""
    for path in repo.folder.rglob("*"):
        if ".git" not in path.parts:
            stat = path.lstat()
            times = stat.st_atime_ns + DAY, stat.st_mtime_ns + DAY
            os.utime(path, ns=times, follow_symlinks=False)


@pytest.fixture(scope="module")
def whole(reproduced, tmp_path_factory):
    """A clone with all outs."""
    repo = reproduced.clone(tmp_path_factory.mktemp("kills") / "repo")
    repo.share_cache_of(reproduced)
    repo.run("dvc", "checkout")
    return repo


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("clock", NUM_KILLS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_killed_at_random_moments_leaves_no_trace(whole, stage, clock):
    expected, there = hashes(whole), files(whole)
    again = ("dvc", "repro", "--single-item", "--force", "--no-run-cache", stage)
    started = time.monotonic()
    whole.run(*again)
    duration_s = time.monotonic() - started
    assert hashes(whole) == expected
    moments = random.Random(stage)
    for _ in range(NUM_KILLS[clock]):
        with whole.started(*again) as process:
            time.sleep(moments.uniform(0, duration_s))
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it was faster this time
                continue
        wait_for(lambda: not is_alive(process.pid))
        # As docs/machines.md says: DVC writes these in place, so a kill may cut them off.
        (whole.folder / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)
        whole.run("git", "checkout", "--quiet", "dvc.lock")
        if clock == "is set back":
            set_clock_back(whole)
    whole.run(*again)
    whole.run("dvc", "repro")
    assert hashes(whole) == expected
    assert files(whole) == there
    assert "up to date" in whole.run("dvc", "status")
