"""Bring a corpus's files, untouched, from where its source has them."""

from pathlib import Path

from asr.core.cli import run
from asr.core.errors import InputError
from asr.core.files import whole_folder
from asr.core.params import load_corpus
from asr.corpora.formats import corpus_format
from asr.corpora.params import Corpus, Withdrawn
from asr.corpora.raw_folder import FILES, write_files, write_provenance
from asr.corpora.withdrawn import drop_withdrawn
from asr.sources.corpus_source import bring, load_source, provenance


def fetch(corpus: str, out: Path) -> None:
    """Bring a corpus's files, untouched, from where its source has them.

    Args:
        corpus: its line in ``params.yaml``, which names a block of ``conf/sources.yaml``.
        out: folder for ``files.tar`` and ``source.json``.
    """
    params = load_corpus(corpus, Corpus)
    source = load_source(params.source)
    wants = corpus_format(params.format).wants
    with whole_folder(out) as beside:
        files = bring(source, lambda name: wants(name, params.language))
        num_files = write_files(beside / FILES, files)
        if num_files == 0:
            raise InputError(
                f"corpora.{corpus}: {params.source} holds no file that format {params.format} "
                f"wants for language {params.language!r}"
            )
        described = provenance(source, num_files)
        write_provenance(beside, described)
        if params.withdrawn != Withdrawn():
            drop_withdrawn(beside, corpus, params, described)


if __name__ == "__main__":
    run(fetch)
