"""List the licenses and sources of the data."""

from pathlib import Path

from asr.core.cli import run
from asr.core.files import atomic_file
from asr.report.licenses import licenses_page
from asr.utterances.utterance import read_manifest


def licenses(train: Path, dev: Path, test: Path, replay: Path, out: Path) -> None:
    """List the licenses and sources of the data.

    Args:
        train: manifest of the training set.
        dev: manifest of the dev set.
        test: manifest of the test set.
        replay: manifest of the clips of replay corpora.
        out: Markdown page.
    """
    utterances = [one for path in (train, dev, test, replay) for one in read_manifest(path)]
    with atomic_file(out) as partial:
        partial.write_text(licenses_page(utterances), encoding="utf-8")


if __name__ == "__main__":
    run(licenses)
