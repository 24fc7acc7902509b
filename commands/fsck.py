"""Find damaged files in DVC's cache and remote; DVC itself does not report them.

    python -m commands.fsck             # list damaged objects; exit status 1 if there are any
    python -m commands.fsck --repair    # also remove them; dvc pull and dvc push then replace them

DVC assumes that an existing object is whole: it never uploads a damaged one again, and if a
folder's list (``.dir``) exists, it assumes that all listed files do. So --repair removes damaged
objects and each list that names one. For objects uploaded in one part, the MD5 that S3 reports is
compared; larger ones are read.
"""

import argparse
import sys
from typing import Any

from botocore.exceptions import BotoCoreError
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.hashfile.hash import file_md5

from asr.withdrawal.objects import LIST, files_in, listed_files, object_name


def find_faults(store: Any, check_lists: bool) -> dict[str, str]:
    """Objects whose bytes don't match the hash in their name: a description of each, by path.

    Args:
        store: DVC's object database; all of it is checked.
        check_lists: whether a list that names a damaged or missing file is a fault too. In a remote
            DVC trusts the list; in a cache it checks each file.
    """
    known = {path: md5 for path, md5 in files_in(store).items() if object_name(path) != path}
    faults = {}
    for path, md5 in known.items():
        expected = object_name(path).removesuffix(LIST)
        if md5 != expected and (got := file_md5(path, store.fs)) != expected:
            faults[path] = f"expected MD5 {expected}, got {got}"
    whole = {object_name(path): path for path in known.keys() - faults.keys()}
    for oid, path in whole.items():
        if check_lists and oid.endswith(LIST):
            names = listed_files(store.fs, path)
            if bad := sorted(name for name, md5 in names.items() if md5 not in whole):
                faults[path] = f"names {len(bad)} files damaged or missing, first {bad[0]}"
    return faults


def check(place: str, store: Any, repair: bool) -> int:
    """Print the faults of one store, with ``repair`` remove them, and return how many are left."""
    faults = find_faults(store, check_lists=place == "remote")
    # Lists first: DVC would trust one that is left if this command is interrupted.
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
    parser.add_argument("--repair", action="store_true", help="remove damaged objects")
    parser.add_argument("--remote", help="name of the remote; DVC's default remote if unset")
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
