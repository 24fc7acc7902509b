"""List under which licenses, and from where, the data was had."""

from pathlib import Path

from asr.core.cli import run
from asr.core.files import whole_file
from asr.report.licenses import licenses_page
from asr.utterances.utterance import read_manifest


def licenses(train: Path, dev: Path, test: Path, out: Path) -> None:
    """List under which licenses, and from where, the data was had.

    Args:
        train: manifest.
        dev: manifest.
        test: manifest.
        out: Markdown page.
    """
    utterances = [one for path in (train, dev, test) for one in read_manifest(path)]
    with whole_file(out) as beside:
        beside.write_text(licenses_page(utterances), encoding="utf-8")


if __name__ == "__main__":
    run(licenses)
