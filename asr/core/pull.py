"""Pull outs of other stages that this machine lacks.

``dvc repro --pull`` pulls a stage's deps. But ``dvc.yaml`` can't list the corpora that a manifest
refers to, and DVC can't pull their parent folder, which is no out. So a stage pulls each corpus.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from asr.core.errors import InputError


def pull_missing(outs: Iterable[Path]) -> None:
    """Run ``dvc pull`` for those of ``outs`` that are missing.

    Does nothing in a stage that is run by hand, without DVC: its error names the missing file.

    Raises:
        InputError: if one is still missing afterwards.
    """
    missing = sorted({str(out) for out in outs if not out.exists()})
    if not missing or "DVC_STAGE" not in os.environ:
        return
    command = shlex.join(["dvc", "pull", *missing])
    print(f"{command}  # this machine lacks them", flush=True)
    subprocess.run([sys.executable, "-m", "dvc", "pull", *missing], check=False)
    if left := [out for out in missing if not Path(out).exists()]:
        raise InputError(f"{', '.join(left)}: not here, and `{command}` did not fetch it")
