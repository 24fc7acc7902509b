"""Find damage in DVC's cache and remote, which DVC itself passes on without a word.

    python -m commands.fsck             # name what is damaged; exit status 1 if there is any
    python -m commands.fsck --repair    # and remove it: dvc pull, then dvc push, bring it anew

Objects that were sent in one part are checked by what S3 says of them, larger ones are read.
"""

import argparse
import sys

from botocore.exceptions import BotoCoreError
from dvc.exceptions import DvcException
from dvc.repo import Repo

from asr.withdrawal.objects import ObjectStore, find_faults, remove


def check(place: str, store: ObjectStore, repair: bool) -> int:
    """Name the faults of one store, remove them if asked to, and return how many stay."""
    faults = find_faults(store, lists_vouch=place == "remote")
    for fault in faults:
        print(f"{place}: {fault.path}: {fault.why}")
    if repair:
        remove(store, faults)
    print(f"{place}: {len(faults)} faulty objects" + (" removed" if repair and faults else ""))
    return 0 if repair else len(faults)


def main() -> int:
    """Check the cache, then the remote if there is one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repair", action="store_true", help="remove what is damaged")
    parser.add_argument("--remote", help="its name; the default remote unless given")
    arguments = parser.parse_args()
    try:
        with Repo() as repo:
            left = check("cache", repo.cache.local, arguments.repair)
            if arguments.remote or repo.config["core"].get("remote"):
                remote = repo.cloud.get_remote_odb(arguments.remote)
                left += check("remote", remote, arguments.repair)
    except (DvcException, OSError, BotoCoreError) as error:
        sys.exit(f"fsck: {error}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
