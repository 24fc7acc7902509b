"""Fetch a corpus's files, unchanged, from its source."""

from pathlib import Path

from asr.core.cli import run
from asr.core.errors import InputError
from asr.core.files import atomic_folder
from asr.core.params import load_corpus, load_params
from asr.corpora.chosen_files import NOT_USED, ChosenFiles
from asr.corpora.formats import corpus_format
from asr.corpora.params import Corpus, Withdrawn
from asr.corpora.raw_folder import FILES, REFUSED, write_files, write_provenance
from asr.corpora.withdrawn import drop_withdrawn
from asr.sources.corpus_source import fetch_files, load_source, provenance
from asr.sources.params import FetchParams


def fetch(corpus: str, out: Path) -> None:
    """Fetch a corpus's files, unchanged, from its source.

    Args:
        corpus: its key in ``params.yaml``; its entry names a block of ``conf/sources.yaml``.
        out: folder for ``files.tar``, ``source.json`` and, if the format uses not all files of the
            source, ``not_used.csv`` with the names of the others. If some are links or devices,
            ``refused.csv`` lists them for prepare.

    Raises:
        InputError: if the source has no file that the corpus's format needs.
    """
    params = load_corpus(corpus, Corpus)
    source = load_source(params.source)
    limits = load_params("fetch", FetchParams)
    chosen = ChosenFiles(corpus_format(params.format), params.language)
    with atomic_folder(out) as partial:
        files = chosen.used(fetch_files(source, chosen.wants, limits))
        num_files = write_files(partial / FILES, files)
        if num_files == 0:
            raise InputError(
                f"corpora.{corpus}: expected files for format {params.format} and language "
                f"{params.language!r}, got none from {params.source}"
                + "".join(f"; {why}" for _, why in chosen.refused[:1])
            )
        chosen.write_refused(partial / REFUSED)
        chosen.write_others(partial / NOT_USED)
        described = provenance(source, num_files)
        write_provenance(partial, described)
        if params.withdrawn != Withdrawn():
            drop_withdrawn(partial, corpus, params, described)


if __name__ == "__main__":
    run(fetch)
