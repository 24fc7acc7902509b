"""Git's state, DVC's queue of experiments, and the labels of the last training."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dvc.repo import Repo

from asr.core.files import read_json
from asr.doctor.finding import Finding, some
from asr.experiments import queue as experiments

LABELS = Path("metrics/train.json")
CHECK_LABELS = "python -m commands.check_labels"


def check_git(root: Path = Path()) -> Iterator[Finding]:
    """Whether another machine would get from Git what is here."""
    words = ["git", "-C", str(root), "status", "--porcelain=v2", "--branch"]
    status = subprocess.run(words, capture_output=True, text=True, check=False)
    if status.returncode:
        # Also a repository of another user, which Git refuses: its own message says how to go on.
        said = " ".join(status.stderr.split())[:300]
        yield Finding("fail", f"git status: {said}", "git init && dvc init --force")
        return
    lines = status.stdout.splitlines()
    branch = dict(line.removeprefix("# branch.").split(" ", 1) for line in lines if line[0] == "#")
    changed = [line.split(" ", 1 if line[0] == "?" else 8)[-1] for line in lines if line[0] != "#"]
    found = [*_unpushed(branch)]
    if changed:
        text = f"{len(changed)} files in no commit: {some(changed)}"
        found.append(Finding("warn", text, "git add --all && git commit"))
    if not found:
        text = f"branch {branch['head']} at {branch['oid'][:7]}, committed and pushed"
        found.append(Finding("ok", text))
    yield from found


def _unpushed(branch: dict[str, str]) -> Iterator[Finding]:
    if branch["head"] == "(detached)":
        text = f"no branch: commits after {branch['oid'][:7]} would get lost"
        yield Finding("warn", text, "git switch --create NAME")
    elif "upstream" not in branch:
        text = f"branch {branch['head']} is on no other machine"
        yield Finding("warn", text, f"git push --set-upstream origin {branch['head']}")
    elif "ab" in branch:
        ahead, behind = (int(number) for number in branch["ab"].split())
        if ahead:
            yield Finding("warn", f"{ahead} commits are not pushed", "git push")
        if behind:
            yield Finding("warn", f"{-behind} commits are not pulled", "git pull --rebase")


def check_queue() -> Iterator[Finding]:
    """Experiments whose process is gone, that nobody works on, and that failed."""
    with Repo() as repo:
        if not Path(repo.tmp_dir, "exps", "celery").is_dir():
            yield Finding("ok", "no experiment was ever queued")
            return
        queue = repo.experiments.celery_queue
        gone = experiments.gone()
        counts = Counter(one["status"] for one in queue.status())
        num_workers = len(queue.worker_status()) if counts["Queued"] or gone else 0
    if gone:
        text = f"shown as running, but their processes are gone: {some(gone)}"
        yield Finding("fail", text, f"dvc queue kill {gone[0]} && dvc queue remove {gone[0]}")
    if counts["Queued"] and not num_workers:
        text = f"{counts['Queued']} are queued and no worker runs"
        yield Finding("warn", text, "dvc queue start")
    if counts["Failed"]:
        text, mend = f"{counts['Failed']} failed", "dvc queue logs NAME; dvc queue remove --failed"
        yield Finding("warn", text, mend)
    if not gone and not counts["Failed"] and (num_workers or not counts["Queued"]):
        said = ", ".join(f"{counts[name]} {name.lower()}" for name in ("Running", "Queued"))
        yield Finding("ok", said)


def check_labels_of_training(path: Path = LABELS) -> Iterator[Finding]:
    """What training's own check of its labels counted."""
    if not path.is_file():
        yield Finding("warn", f"no {path}: nothing was trained here yet", CHECK_LABELS)
        return
    labels = read_json(path)["labels"]
    total, lossy, long = (labels[f"num_{name}"] for name in ("utterances", "lossy", "too_long"))
    text = (
        f"the last training's {total} transcripts; {lossy} with letters that the tokenizer lacks, "
        f"{long} too long for their clips"
    )
    yield Finding("warn", text, CHECK_LABELS) if lossy or long else Finding("ok", text)
