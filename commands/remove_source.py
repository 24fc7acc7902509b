"""Remove a withdrawn speaker or source from all data, and leave them out of later fetches.

    python -m commands.remove_source --corpus be --speaker s1
    python -m commands.remove_source --corpus be --source 'https://example.org/talks/*'
    python -m commands.remove_source --corpus be --speaker s1 --dry-run   # list, change nothing

--corpus may also be a further test set. A source is a shell pattern for a recording's file or its
source_url. The command writes the rule into params.yaml, also for other corpora and test sets with
the same source, format and language, and makes the data again without the withdrawn recordings.
Then it removes every object that holds some of them from the workspace, from DVC's cache, old
commits included, and from each --remote. It lists models that were trained on them, but doesn't
remove those. It writes to metrics/withdrawals/ what it did and what a search afterwards found. The
exit status is 1 if anything is left. If the data can't be made again, nothing is removed.
"""

import argparse
import re
import sys

from botocore.exceptions import BotoCoreError
from dvc.exceptions import DvcException
from dvc.repo import Repo

from asr.core.errors import InputError
from asr.corpora.params import Withdrawn
from asr.withdrawal.removal import Withdrawal, add_rule

HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,28}(\.dir)?\b")


def remove_source(given: argparse.Namespace) -> int:
    """Do what the command line asks for; returns the exit status."""
    withdrawn = Withdrawn(speakers=given.speaker, sources=given.source)
    with Repo() as repo:
        withdrawal = Withdrawal(repo, given.corpus, withdrawn)
        keys = [line.key for line in withdrawal.lines]
        print(f"{len(withdrawal.traces.ids)} recordings and utterances of {', '.join(keys)}")
        for model in withdrawal.proof["models"]:
            sure = "was trained on some of them"
            saw = sure if model["saw"] else "may have been: its manifests are not in the cache"
            line = f"{model['path']} {model['md5']} ({', '.join(model['commits'])}) {saw}"
            print(HASH.sub(r"\1", line))  # the proof has them in full
        rule = ", ".join(f"{key}: {names}" for key, names in withdrawn if names)
        again = " ".join(f'-S "+{key}.withdrawn={{{rule}}}"' for key in keys)
        if withdrawal.proof["models"]:
            print(
                f"To train an old one without it: git switch --detach COMMIT; dvc exp run {again}"
            )
        if given.dry_run:
            return 0
        add_rule(withdrawal.lines, withdrawn)
        withdrawal.remove(given.remote, set() if given.no_repro else withdrawal.reproduce_data())
        is_gone = withdrawal.check(given.remote)
    for place, num in withdrawal.proof["searched"].items():
        left = withdrawal.proof["left"][place]
        print(f"{place}: searched {num} files, {len(left)} left", *left, sep="\n")
    proof = withdrawal.write_proof()
    print(f"Proof: {proof}; commit it with params.yaml and dvc.lock, then: dvc repro")
    if not is_gone:
        print("What is left in new data also belongs to others there: withdraw those as well")
        print("What is left in other files: remove it yourself, then run this again")
    return 0 if is_gone else 1


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", required=True, help="its key in params.yaml, or a test set's")
    parser.add_argument("--speaker", action="append", default=[], help="speaker id; repeatable")
    parser.add_argument("--source", action="append", default=[], help="pattern; repeatable")
    parser.add_argument("--remote", action="append", default=[], help="DVC remote; repeatable")
    parser.add_argument("--no-repro", action="store_true", help="remove without making data again")
    parser.add_argument("--dry-run", action="store_true", help="change nothing")
    try:
        return remove_source(parser.parse_args())
    except (InputError, DvcException, OSError, BotoCoreError) as error:
        sys.exit(f"remove_source: {error}")


if __name__ == "__main__":
    sys.exit(main())
