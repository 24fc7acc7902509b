"""Print what a package can't hold: the commits of its inputs, environment, hardware, duration.

    python -m commands.package_info [--package models/package/NAME-VERSION]

Equal inputs give equal packages, so these are outside of them. The commits are those in whose
dvc.lock all inputs of the package are. Environment and hardware are of this machine. The duration
is that of the newest training here with the package's values.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from asr.core.errors import InputError
from asr.core.params import load_params
from asr.packages.info import package_info
from asr.packages.params import PackageParams
from asr.packages.write import package_folder


def main() -> int:
    """Read the command line and print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--package", type=Path, help="default: that of params.yaml")
    given = parser.parse_args()
    try:
        folder = given.package or package_folder(load_params("package", PackageParams))
        print(json.dumps(package_info(folder), indent=2, ensure_ascii=False))
    except (InputError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"package_info: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
