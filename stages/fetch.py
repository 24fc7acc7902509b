"""Fetch a corpus's files, unchanged, from its source, or pin them by their hashes."""

from pathlib import Path

from asr.core.cli import run
from asr.core.params import load_corpus, load_params
from asr.corpora.params import Corpus
from asr.sources.corpus_source import load_source
from asr.sources.fetching import fetch_corpus
from asr.sources.params import FetchParams


def fetch(corpus: str, out: Path) -> None:
    """Fetch a corpus's files, unchanged, from its source, or pin them by their hashes.

    Args:
        corpus: its key in ``params.yaml``; its entry names a block of ``conf/sources.yaml``.
        out: folder for ``files.tar``, ``source.json`` and, if the format uses not all files of the
            source, ``not_used.csv`` with the names of the others. If some are links or devices,
            ``refused.csv`` lists them for prepare. With ``keep_raw: false`` it has ``pins.csv`` in
            place of ``files.tar``.
    """
    line = load_corpus(corpus, Corpus)
    limits = load_params("fetch", FetchParams)
    fetch_corpus(corpus, line, load_source(line.source), limits, out)


if __name__ == "__main__":
    run(fetch)
