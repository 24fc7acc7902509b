"""Withdraw a speaker or a source, so that nothing of theirs stays here or comes back.

    python -m commands.remove_source --corpus be --speaker s1
    python -m commands.remove_source --corpus be --source 'https://example.org/talks/*'
    python -m commands.remove_source --corpus be --speaker s1 --dry-run   # only say what is theirs

A source is a pattern as the shell has it, of a recording's file or its source_url. The rule is
written into params.yaml, data are made anew without what it names, and every object that holds
some of it goes from the workspace and DVC's cache, also those of old commits, and from the remotes
named with --remote. Models that saw it are listed, not removed. What was done, and what a search
afterwards found, is in metrics/withdrawals/. Exit status 1 if anything is left.
"""

import argparse
import sys

from botocore.exceptions import BotoCoreError
from dvc.exceptions import DvcException
from dvc.repo import Repo

from asr.core.errors import InputError
from asr.corpora.params import Withdrawn
from asr.withdrawal.request import Withdrawal


def tell(withdrawal: Withdrawal) -> None:
    """Say what is theirs, and which models saw it."""
    traces = withdrawal.traces
    print(f"{len(traces.ids)} recordings and utterances of corpus {traces.corpus}")
    for model in withdrawal.proof.models:
        saw = "saw some of it" if model["saw"] else "may have seen it: its manifests are gone"
        where = ", ".join([*model["experiments"], *(one[:12] for one in model["commits"])])
        print(f"{model['path']} {model['md5']} ({where}) {saw}")
        print(f"    without it: {model['without_it']}")


def remove_source(given: argparse.Namespace) -> int:
    """Do what the command line asks for; returns the exit status."""
    withdrawn = Withdrawn(speakers=given.speaker or [], sources=given.source or [])
    if withdrawn == Withdrawn():
        raise InputError("expected --speaker or --source, got neither")
    with Repo() as repo:
        withdrawal = Withdrawal(repo, given.corpus, withdrawn)
        tell(withdrawal)
        if given.dry_run:
            return 0
        done = withdrawal.record_and_rerun(run=not given.no_repro)
    remotes = given.remote or []
    withdrawal.remove(remotes)
    gone = withdrawal.check(remotes)
    proof = withdrawal.proof
    for where, names in proof.removed.items():
        print(f"{where}: removed {len(names)}")
    for where, names in proof.left.items():
        print(
            f"{where}: searched {proof.searched[where]} files, {len(names)} left", *names, sep="\n"
        )
    print(f"Proof: {proof.write()}; commit it with params.yaml and dvc.lock, then: dvc repro")
    if not gone:
        print("What is left in new data, others in the data have it too: withdraw them as well")
    if not (done or given.no_repro):
        print("The data were removed but could not be made anew: see above")
    return 0 if gone and (done or given.no_repro) else 1


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", required=True, help="its line in params.yaml")
    parser.add_argument("--speaker", action="append", help="an id; may be given several times")
    parser.add_argument("--source", action="append", help="a pattern; may be given several times")
    parser.add_argument("--remote", action="append", help="remove it there too; its name")
    parser.add_argument("--no-repro", action="store_true", help="remove, but make no data anew")
    parser.add_argument("--dry-run", action="store_true", help="change nothing")
    try:
        return remove_source(parser.parse_args())
    except (InputError, DvcException, OSError, BotoCoreError) as error:
        sys.exit(f"remove_source: {error}")


if __name__ == "__main__":
    sys.exit(main())
