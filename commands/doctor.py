"""Check this machine and repository: a line each, and the command that mends what is wrong.

    python -m commands.doctor                # all checks, a quarter of a minute
    python -m commands.doctor remote git     # only these

A line is ok, warn or fail. The exit status is 1 if any is fail. What a machine without a network
can't reach is a warning. No check changes anything, but `remote` writes an object of 32 bytes into
DVC's remote and deletes it.
"""

import argparse
import sys
from collections.abc import Iterator

from asr.core.params import load_params
from asr.core.urls import hide_secrets
from asr.devices.params import MachineParams
from asr.doctor.finding import Check, Finding
from asr.doctor.gpu import check_memory, check_torch
from asr.doctor.hub import check_hub
from asr.doctor.packages import check_codecs, check_packages, check_python
from asr.doctor.repository import check_git, check_labels_of_training, check_queue
from asr.doctor.secrets import check_secrets
from asr.doctor.storage import check_disk, check_remote

CHECKS: dict[str, Check] = {
    "python": check_python,
    "packages": check_packages,
    "torch": lambda: check_torch(load_params("machine", MachineParams)),
    "gpu": check_memory,
    "codecs": check_codecs,
    "disk": check_disk,
    "remote": check_remote,
    "hub": check_hub,
    "git": check_git,
    "secrets": check_secrets,
    "queue": check_queue,
    "labels": check_labels_of_training,
}


def findings(name: str, check: Check) -> Iterator[Finding]:
    """What a check found. A machine that is out of order may fail any check at any point."""
    try:
        yield from check()
    except Exception as error:  # the other checks are still wanted, and this one is a fail
        text = hide_secrets(" ".join(str(error).split()))[:300]
        again = f"python -m commands.doctor {name}"
        yield Finding("fail", f"the check stopped: {type(error).__name__}: {text}", again)


def main() -> int:
    """Print the findings of all checks, or of those named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("check", nargs="*", help=f"of {', '.join(CHECKS)}; all if none")
    names = parser.parse_args().check
    if unknown := [name for name in names if name not in CHECKS]:
        parser.error(f"no check {unknown}, there are {list(CHECKS)}")
    failed = False
    for name in names or CHECKS:
        for finding in findings(name, CHECKS[name]):
            print(f"{finding.status:<5} {name:<9} {finding.text}", flush=True)
            if finding.mend:
                print(f"{'':<15} → {finding.mend}", flush=True)
            failed |= finding.status == "fail"
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
