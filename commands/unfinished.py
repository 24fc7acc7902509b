"""List killed trainings, and whether ``dvc repro`` would resume them.

    python -m commands.unfinished             # step, size, age, and what differs from the workspace
    python -m commands.unfinished --remove    # remove all, or those named, that are not locked

Training itself removes the oldest beyond ``operations.keep_unfinished_gb``.
"""

import argparse
import sys
from functools import cache
from pathlib import Path
from typing import Any

from asr.core.closure import code_facts
from asr.core.errors import InputError
from asr.core.files import sha256_of
from asr.core.locks import dvc_tmp, is_held
from asr.core.params import PARAMS, read_yaml
from asr.training.state.unfinished import (
    Facts,
    Unfinished,
    differences,
    listed,
    remove,
    unfinished_trainings,
)


def status(one: Unfinished) -> str:
    """Whether a process has locked the state, ``dvc repro`` resumes it, or else what differs."""
    if is_held(one.folder):
        return "locked by a process"
    if one.facts is None:
        return "killed before it started"
    names = differences(_workspace_facts(one.facts), one.facts)
    return f"differs in {listed(names)}" if names else "`dvc repro` resumes it"


def _workspace_facts(then: Facts) -> Facts:
    """The workspace's values of the sections, files and packages that a state lists."""
    params = {section: _section(section) for section in then["params"]}
    code = code_facts("stages.train", then["params"]["model"]["family"])
    files = {name: hashed for name in then["files"] if (hashed := _sha256(Path(name)))}
    return {
        "params": params,
        "files": files,
        "packages": {name: code[name] for name in then["packages"] if name in code},
    }


def _section(name: str) -> Any:
    """A section of params.yaml, such as ``whisper.train``; empty if it does not exist."""
    found = read_yaml(PARAMS)
    for key in name.split("."):
        found = found.get(key, {})
    return found


@cache
def _sha256(path: Path) -> str | None:
    return sha256_of(path) if path.is_file() else None


def main() -> int:
    """List unfinished trainings, or remove them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--remove", nargs="*", metavar="NAME", help="remove these; all if none")
    names = parser.parse_args().remove
    states = unfinished_trainings(dvc_tmp() / "scratch")
    try:
        if unknown := set(names or ()) - {one.folder.name for one in states}:
            known = [one.folder.name for one in states]
            raise InputError(f"no unfinished training {sorted(unknown)}, there are {known}")
        for one in states:
            if names is None:
                print(f"{one}: {status(one)}")
            elif not names or one.folder.name in names:
                print(f"{'removed' if remove(one) else 'kept, locked by a process:'} {one}")
    except (InputError, OSError) as error:
        sys.exit(f"unfinished: {error}")
    if not states:
        print("no unfinished training")
    return 0


if __name__ == "__main__":
    sys.exit(main())
