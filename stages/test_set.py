"""Draw the utterances of a further test set and leave out, or refuse, those that leak."""

from pathlib import Path

from pydantic import TypeAdapter

from asr.core.cli import run
from asr.core.files import sha256_of, write_json
from asr.core.params import PARAMS, load_block, load_corpus, load_params
from asr.corpora.params import CorporaParams, TestSet
from asr.preparation.rejects import count_rejects
from asr.splits.aside import write_aside
from asr.splits.params import SplitParams
from asr.splits.test_set import counts, sample_test_set
from asr.utterances.shards import read_utterances
from asr.utterances.utterance import read_manifest, write_manifest


def test_set(
    name: str, prepared: Path, rejects: Path, train: Path, dev: Path, replay: Path, out: Path,
    leaks: Path, metrics: Path,
) -> None:  # fmt: skip
    """Draw the utterances of a further test set and leave out, or refuse, those that leak.

    Args:
        name: its key in ``test_sets`` of ``params.yaml``.
        prepared: folder of its shards.
        rejects: CSV of its rejected recordings.
        train: manifest of the training set.
        dev: manifest of the set that chooses the weights.
        replay: manifest of the clips to replay.
        out: manifest of the test set.
        leaks: CSV of the utterances that leak, each with what it shares with which other.
        metrics: JSON with counts.

    Raises:
        InputError: if an utterance leaks and ``on_leak`` is ``stop``, or if none is left.
    """
    line = load_corpus(name, TestSet)
    corpora = load_block(PARAMS, ("corpora",), TypeAdapter(CorporaParams))
    same_source = {key for key, other in corpora.items() if other.source == line.source}
    seen = {path.stem: read_manifest(path) for path in (train, dev, replay)}
    scored, found = sample_test_set(
        name, read_utterances(prepared), seen, line, same_source, load_params("split", SplitParams)
    )
    write_manifest(out, scored)
    write_aside(leaks, found)
    counted = counts(scored, found, count_rejects(rejects))
    write_json(metrics, {**counted, "test_sha256": sha256_of(out)})


if __name__ == "__main__":
    run(test_set)
