"""Find damage in DVC's cache and remote, which DVC itself passes on without a word.

    python -m commands.fsck             # name what is damaged; exit status 1 if there is any
    python -m commands.fsck --repair    # and remove it: dvc pull, then dvc push, bring it anew

DVC takes an object that is there for whole: one that was damaged in a remote is never sent again,
and a folder's list (``.dir``) vouches for all files that it names. So what is damaged is removed,
and with it each list that names it. Objects that were sent in one part are checked by what S3 says
of them, larger ones are read.
"""

import argparse
import sys
from typing import Any

from botocore.exceptions import BotoCoreError
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.hashfile.hash import file_md5

from asr.withdrawal.objects import LIST, files_in, listed_files, object_name


def find_faults(store: Any, lists_vouch: bool) -> dict[str, str]:
    """Objects whose bytes have not the hash in their name, by path: what is wrong with each.

    Args:
        store: DVC's object database; all of it is looked at.
        lists_vouch: whether a list that names a damaged or missing file is a fault too: in a remote
            it hides the lack; in a cache, where DVC looks at each file, it doesn't.
    """
    known = {path: md5 for path, md5 in files_in(store).items() if object_name(path) != path}
    faults = {}
    for path, md5 in known.items():
        expected = object_name(path).removesuffix(LIST)
        if md5 != expected and (got := file_md5(path, store.fs)) != expected:
            faults[path] = f"expected MD5 {expected}, got {got}"
    whole = {object_name(path): path for path in known.keys() - faults.keys()}
    for oid, path in whole.items():
        if lists_vouch and oid.endswith(LIST):
            names = listed_files(store.fs, path)
            if bad := sorted(name for name, md5 in names.items() if md5 not in whole):
                faults[path] = f"names {len(bad)} files damaged or missing, first {bad[0]}"
    return faults


def check(place: str, store: Any, repair: bool) -> int:
    """Name the faults of one store, remove them if asked to, and return how many stay."""
    faults = find_faults(store, lists_vouch=place == "remote")
    # Lists go first: one that stayed would vouch for what is gone.
    for path in sorted(faults, key=lambda path: (not path.endswith(LIST), path)):
        print(f"{place}: {path}: {faults[path]}")
        if repair:
            store.fs.remove(path)
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
