"""Export prepared utterances to the formats of other tools.

``python -m commands.export_data --format nemo --out exported`` exports train, dev and test;
``--manifest`` chooses others. Formats: Qwen3-ASR's WAV and JSONL, NeMo's manifest, a Hugging Face
audiofolder, DrivenData's JSONL.
"""

import argparse
import sys
from pathlib import Path

from asr.core.errors import InputError
from asr.data_export.datasets import EXPORT_FORMATS, export
from asr.utterances.utterance import read_manifest

PREPARED = Path("data/prepared")
MANIFESTS = [Path("data/manifests") / f"{split}.jsonl" for split in ("train", "dev", "test")]


def export_data(form: str, manifests: list[Path], prepared: Path, out: Path) -> None:
    """Write each manifest's utterances below ``out``; the split's name is the manifest's.

    Raises:
        InputError: if a manifest or its audio can't be read, or ``out`` is not empty.
    """
    splits = {path.stem: read_manifest(path) for path in manifests}
    if len(splits) < len(manifests):
        raise InputError(f"--manifest: expected files of different names, got {manifests}")
    export(EXPORT_FORMATS[form], splits, prepared, out)
    for split, utterances in splits.items():
        print(f"{split}: {len(utterances)} utterances")
    print(f"Written to {out}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=sorted(EXPORT_FORMATS), required=True)
    parser.add_argument("--out", type=Path, required=True, help="a folder that is new or empty")
    default = "repeatable; train, dev and test if unset"
    parser.add_argument("--manifest", type=Path, action="append", help=default)
    parser.add_argument("--prepared", type=Path, help=f"folder of the shards; {PREPARED} if unset")
    given = parser.parse_args()
    try:
        export_data(
            given.format, given.manifest or MANIFESTS, given.prepared or PREPARED, given.out
        )
    except (InputError, OSError) as error:
        sys.exit(f"export_data: {error}")


if __name__ == "__main__":
    main()
