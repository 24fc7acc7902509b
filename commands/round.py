"""One round of the loop: learn from new corrections, release if better, draft anew.

    python -m commands.round             # goes on, or begins a round if enough corrections came in
    python -m commands.round --status    # what it would do

It only chains commands, and prints each before it runs it:

    dvc exp run --temp --name round-N -S conf/sources.yaml:…watermark=N  # trains and scores
    dvc exp apply round-N; git commit; git tag round-N                   # if better: the champion
    python -m commands.publish …                                         # with publish
    python -m commands.redraft --block … --model models/tuned

N is the number of the newest correction; conf/round.yaml has the rest. A model is better if its WER
on the frozen test set is, by the verdict of metrics/compare.json against the last round's tag; a
gate that fails keeps it back. A round that did not get better leaves the workspace as it is, and
its experiment for `dvc exp show`; the exit status is 4. After a kill, the same command goes on with
the step that is not done.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from asr.core.errors import InputError
from asr.core.params import load_block, read_yaml
from asr.experiments import queue
from asr.experiments.round import (
    RoundParams,
    RoundState,
    objection,
    read_state,
    write_state,
)
from asr.redraft.database import Database

CONF, SOURCES = Path("conf", "round.yaml"), Path("conf", "sources.yaml")
KEPT = 4  # exit status of a round whose model is not better
RETRY_S = 60.0


def newest(params: RoundParams) -> int:
    """The number of the newest correction.

    Raises:
        InputError: if the query gives no number.
    """
    block: dict[str, Any] = load_block(SOURCES, (params.source,), TypeAdapter(dict[str, Any]))
    rows = Database(str(block.get("dsn_env")), RETRY_S).text(params.newest)
    value = next(iter(rows[0].values()), None) if rows else None
    if value is not None and not isinstance(value, int):
        raise InputError(f"{CONF}: newest: expected a number, got {value!r:.80}")
    return value or 0


def last_champion() -> str:
    """The tag of the last round that was better; empty before the first."""
    listed = ["git", "tag", "--list", "round-*", "--sort=-version:refname", "--merged", "HEAD"]
    tags = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    return tags[0] if tags else ""


def begin(params: RoundParams) -> RoundState | None:
    """The round that corrections call for; None if too few came in."""
    now = newest(params)
    tried = [name.removeprefix("round-") for name in queue.experiments()]
    watermark = (read_yaml(SOURCES).get(params.source) or {}).get("watermark") or 0
    # A round that got no better counts too: a few corrections more would not change that.
    then = max([watermark, *(int(number) for number in tried if number.isdecimal())])
    print(f"{params.source}: corrections up to {now}, the last round learned from those to {then}")
    if now - then < params.min_new:
        print(f"no round: {now - then} new ones, min_new is {params.min_new}")
        return None
    return RoundState(watermark=now, champion=last_champion(), done=[])


def call(*words: str) -> None:
    """Print a command and run it.

    Raises:
        InputError: if it fails.
    """
    print(f"$ {shlex.join(words)}", flush=True)
    run = [sys.executable, *words[1:]] if words[0] == "python" else words
    if status := subprocess.run(run, check=False).returncode:
        raise InputError(f"{shlex.join(words)} ended with status {status}; then run this again")


def train(params: RoundParams, state: RoundState) -> None:
    """Train and score in a copy of the repository."""
    if state.name in queue.experiments():
        return
    watermark = f"{SOURCES}:{params.source}.watermark={state.watermark}"
    champion = ("-S", f"score.champion={state.champion}") if state.champion else ()
    call("dvc", "exp", "run", "--temp", "--name", state.name, "-S", watermark, *champion)


def release(state: RoundState) -> None:
    """Bring the experiment into the workspace, commit and tag it."""
    call("dvc", "exp", "apply", state.name)
    call("git", "add", "--all")
    call("git", "commit", "--quiet", "--allow-empty", "--message",
         f"Round: corrections up to {state.watermark}")  # fmt: skip
    call("git", "tag", "--force", state.name)


def run(params: RoundParams, state: RoundState) -> int:
    """Do the steps that are not done; returns the exit status."""

    def step(name: str, work: Callable[[], None]) -> None:
        nonlocal state
        if name not in state.done:
            work()
            state = state.model_copy(update={"done": [*state.done, name]})
            write_state(state)

    write_state(state)
    step("train", lambda: train(params, state))
    if "release" not in state.done:
        compared = queue.metrics(state.name, params.metrics)
        scorecard = queue.metrics(state.name, "metrics/scorecard.json") if params.gates else {}
        if why := objection(compared, scorecard, params.gates):
            print(f"{state.name} is not released: {why}")
            write_state(None)
            return KEPT
    step("release", lambda: release(state))
    if params.publish:
        step("publish", lambda: call("python", "-m", "commands.publish", *params.publish))
    if params.redraft:
        words = ("--block", params.redraft, "--model", params.model, "--name", state.name)
        step("redraft", lambda: call("python", "-m", "commands.redraft", *words))
    write_state(None)
    print(f"{state.name} is the champion")
    return 0


def main(words: Sequence[str] | None = None) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--status", action="store_true", help="print what it would do")
    given = parser.parse_args(words)
    try:
        params = load_block(CONF, (), RoundParams)
        state = read_state()
        if state is not None:
            print(f"{state.name} began; done: {', '.join(state.done) or 'nothing'}")
        elif (state := begin(params)) is not None and not given.status:
            _check_clean()
        return 0 if state is None or given.status else run(params, state)
    except (InputError, OSError) as error:
        sys.exit(f"round: {error}")


def _check_clean() -> None:
    """A release commits the workspace, so it must hold nothing else.

    Raises:
        InputError: if a file is not committed.
    """
    listed = ["git", "status", "--porcelain"]
    found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    if found:
        raise InputError(f"expected a clean workspace, got\n{found.rstrip()}\ncommit this first")


if __name__ == "__main__":
    sys.exit(main())
