"""List the licenses of all packages that this repository pins: docs/licenses.md.

    python -m commands.dependencies                    # writes the page, by what is installed
    python -m commands.dependencies --also FOLDER      # also `pip install --target FOLDER`

It reads the metadata of installed packages and asks nobody. A package that is not installed keeps
its row, if the pinned version is the same; else the command ends with the names that are missing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from asr.core.errors import InputError
from asr.doctor.dependencies import dependencies, page, pins, rows_of_page

OUT = Path("docs", "licenses.md")


def main(words: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--also", type=Path, action="append", default=[], metavar="FOLDER",
                        help="more installed packages; repeatable")  # fmt: skip
    parser.add_argument("--out", type=Path, default=OUT, help=f"default {OUT}")
    given = parser.parse_args(words)
    try:
        known = rows_of_page(OUT.read_text(encoding="utf-8")) if OUT.is_file() else {}
        found = dependencies(pins(Path()), [*sys.path, *map(str, given.also)], known)
        given.out.write_text(page(found), encoding="utf-8")
    except (InputError, OSError) as error:
        sys.exit(f"dependencies: {error}")
    print(f"{given.out}: {len(found)} packages")


if __name__ == "__main__":
    main()
