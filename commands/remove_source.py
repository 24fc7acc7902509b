"""Withdraw a speaker or a source, so that nothing of theirs stays here or comes back.

    python -m commands.remove_source --corpus be --speaker s1
    python -m commands.remove_source --corpus be --source 'https://example.org/talks/*'
    python -m commands.remove_source --corpus be --speaker s1 --dry-run   # only say what is theirs

A source is a pattern as the shell has it, of a recording's file or its source_url. The rule is
written into params.yaml, data are made anew without what it names, and every object that holds
some of it goes from the workspace and DVC's cache, also those of old commits, and from the remotes
named with --remote. Models that saw it are listed, not removed. What was done, and what a search
afterwards found, is in metrics/withdrawals/. Exit status 1 if anything is left; where the data
can't be made anew, nothing is removed.
"""

import argparse
import sys

from botocore.exceptions import BotoCoreError
from dvc.exceptions import DvcException
from dvc.repo import Repo

from asr.core.errors import InputError
from asr.corpora.params import Withdrawn
from asr.withdrawal.removal import Withdrawal, record


def remove_source(given: argparse.Namespace) -> int:
    """Do what the command line asks for; returns the exit status."""
    withdrawn = Withdrawn(speakers=given.speaker, sources=given.source)
    with Repo() as repo:
        withdrawal = Withdrawal(repo, given.corpus, withdrawn)
        print(f"{len(withdrawal.traces.ids)} recordings and utterances of corpus {given.corpus}")
        for model in withdrawal.proof["models"]:
            saw = "saw some of it" if model["saw"] else "may have seen it: its manifests are gone"
            print(f"{model['path']} {model['md5']} ({', '.join(model['commits'])}) {saw}")
        rule = ", ".join(f"{key}: {names}" for key, names in withdrawn if names)
        again = f'dvc exp run -S "+corpora.{given.corpus}.withdrawn={{{rule}}}"'
        print(f"To train an old one without it: git switch --detach COMMIT; {again}")
        if given.dry_run:
            return 0
        record(given.corpus, withdrawn)
        withdrawal.remove(given.remote, set() if given.no_repro else withdrawal.make_data_anew())
        is_gone = withdrawal.check(given.remote)
    for place, num in withdrawal.proof["searched"].items():
        left = withdrawal.proof["left"][place]
        print(f"{place}: searched {num} files, {len(left)} left", *left, sep="\n")
    proof = withdrawal.write_proof()
    print(f"Proof: {proof}; commit it with params.yaml and dvc.lock, then: dvc repro")
    if not is_gone:
        print("Left in new data is what others there have too: withdraw them as well")
        print("Left in other files: remove them yourself, and run this again")
    return 0 if is_gone else 1


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", required=True, help="its line in params.yaml")
    parser.add_argument("--speaker", action="append", default=[], help="an id; may come again")
    parser.add_argument("--source", action="append", default=[], help="a pattern; may come again")
    parser.add_argument("--remote", action="append", default=[], help="whose objects go too")
    parser.add_argument("--no-repro", action="store_true", help="remove, but make no data anew")
    parser.add_argument("--dry-run", action="store_true", help="change nothing")
    try:
        return remove_source(parser.parse_args())
    except (InputError, DvcException, OSError, BotoCoreError) as error:
        sys.exit(f"remove_source: {error}")


if __name__ == "__main__":
    sys.exit(main())
