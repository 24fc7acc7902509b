"""Check params.yaml as every stage does before it starts: ``python -m commands.check_params``.

It lists all faults at once, each with section, key, expected and got, and then exits with status 1.
"""

import argparse
import sys

from asr.core.errors import InputError
from asr.core.params import PARAMS, SCHEMAS, load_seed


def main() -> int:
    """Check the file; returns the exit status."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    try:
        load_seed()  # to read any value checks all of them
    except InputError as error:
        sys.exit(f"check_params: {error}")
    print(f"{PARAMS}: no fault in {len(SCHEMAS)} sections")
    return 0


if __name__ == "__main__":
    sys.exit(main())
