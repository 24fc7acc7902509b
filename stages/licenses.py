"""List the licenses and sources of the data."""

from pathlib import Path

from asr.core.cli import run
from asr.core.files import atomic_file
from asr.corpora.test_sets import test_set_names
from asr.guards.kinds import GUARD, OTHER
from asr.report.licenses import licenses_page
from asr.utterances.utterance import read_manifest


def licenses(
    train: Path, dev: Path, test: Path, replay: Path, guards: Path, test_sets: Path, out: Path
) -> None:
    """List the licenses and sources of the data.

    Args:
        train: manifest of the training set.
        dev: manifest of the dev set.
        test: manifest of the test set.
        replay: manifest of the clips of replay corpora.
        guards: manifest of the guards' clips, of which those of other languages count: the rest is
            made of the test set, or computed.
        test_sets: folder with the manifests of ``test_sets``.
        out: Markdown page.
    """
    sets = [test_sets / f"{name}.jsonl" for name in test_set_names()]
    utterances = [one for path in (train, dev, test, replay, *sets) for one in read_manifest(path)]
    utterances += [one for one in read_manifest(guards) if one.attributes.get(GUARD) == OTHER]
    with atomic_file(out) as partial:
        partial.write_text(licenses_page(utterances), encoding="utf-8")


if __name__ == "__main__":
    run(licenses)
