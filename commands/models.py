"""List the packages that were released, with scores, failed checks and the data that each saw.

    python -m commands.models [--json]

It reads the working tree, models/package/, and every Git tag NAME@vVERSION, whose manifest may be
in DVC's cache or remote. It changes nothing. `gto register NAME --version vVERSION` makes a tag.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from asr.core.errors import InputError
from asr.packages.released import Release, releases
from commands.scores import aligned

HASH_LETTERS = 12
HEADER = ("model", "version", "where", "WER", "zero-shot", "CER", "checks that fail", "train",
          "license")  # fmt: skip


def row(release: Release) -> tuple[str, ...]:
    """One line of the table."""
    first = (release.name, release.version, release.where)
    if release.manifest is None:
        return (*first, *("–" for _ in HEADER[len(first) : -1]), release.why)
    score = release.manifest["scores"]["test"]
    failed = [name for name, one in release.manifest["checks"].items() if one["status"] == "fail"]
    return (
        *first,
        *(_rate(value) for value in (score["wer"]["tuned"], score["wer"]["base"])),
        _rate(score["cer"]["tuned"]),
        ", ".join(failed) or "none",
        seen(release.manifest["data"]["train"]),
        release.manifest["license"]["spdx"] or "none allows all",
    )


def seen(train: Mapping[str, Any]) -> str:
    """What a model was trained on: utterances by corpus, hours, and the manifest's hash."""
    corpora = ", ".join(f"{name} {count}" for name, count in sorted(train["corpora"].items()))
    return f"{corpora}; {train['hours']:.2f} h; {train['manifest_sha256'][:HASH_LETTERS]}"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def main() -> int:
    """Read the command line and print the list."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="all of each manifest")
    given = parser.parse_args()
    try:
        found = releases()
    except (InputError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"models: {error}")
    if given.json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=2))
    elif not found:
        print("No packages: `dvc repro package` makes one")
    else:
        print(aligned([HEADER, *map(row, found)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
