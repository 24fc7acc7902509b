"""Other stages' outs that this machine lacks, brought by DVC.

``dvc repro --pull`` brings what a stage's deps list. No list in ``dvc.yaml`` can name the corpora
that a manifest holds, and DVC can't bring their parent folder, which is no out. So a stage asks for
each corpus.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from asr.core.errors import InputError


def pull_missing(outs: Iterable[Path]) -> None:
    """Bring those of ``outs`` that are not there, by ``dvc pull``, which prints what it does.

    Only for a stage that DVC runs: whoever runs one by hand gets the error of the missing file.

    Raises:
        InputError: if one can't be brought.
    """
    missing = sorted({str(out) for out in outs if not out.exists()})
    if not missing or "DVC_STAGE" not in os.environ:
        return
    command = shlex.join(["dvc", "pull", *missing])
    print(f"{command}  # this machine lacks them", flush=True)
    subprocess.run([sys.executable, "-m", "dvc", "pull", *missing], check=False)
    if lost := [out for out in missing if not Path(out).exists()]:
        raise InputError(f"{', '.join(lost)}: not here, and `{command}` did not bring it")
