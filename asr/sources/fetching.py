"""Fetch a corpus into its raw folder: the files themselves, or their pins."""

import tempfile
from pathlib import Path

from asr.core.errors import InputError
from asr.core.files import atomic_folder
from asr.corpora.chosen_files import NOT_USED, ChosenFiles
from asr.corpora.formats import corpus_format
from asr.corpora.params import Corpus, Withdrawn
from asr.corpora.pins import PINS, write_pins
from asr.corpora.raw_folder import FILES, REFUSED, write_files, write_provenance
from asr.corpora.withdrawn import drop_withdrawn
from asr.sources.brought import Pinnable
from asr.sources.corpus_source import Source, fetch_files, provenance
from asr.sources.params import FetchParams
from asr.sources.pinning import pin_files, pinnable
from asr.sources.room import check_room


def fetch_corpus(corpus: str, line: Corpus, source: Source, limits: FetchParams, out: Path) -> None:
    """Write the raw folder of a corpus.

    Args:
        corpus: its key in ``params.yaml``.
        line: of the corpus there.
        source: of its files.
        limits: section ``fetch``.
        out: the folder.

    Raises:
        InputError: if the source has no file that the corpus's format needs, or the disk has no
            room for its files, or they can't be pinned and ``line.keep_raw`` is false.
    """
    chosen = ChosenFiles(corpus_format(line.format), line.language)
    is_rewritten = line.withdrawn != Withdrawn() and line.keep_raw
    with atomic_folder(out) as partial:  # which removes what a killed run left
        if line.keep_raw:
            check_room(source, chosen.wants_by_name, out, is_rewritten=is_rewritten)
            files = chosen.used(fetch_files(source, chosen.wants, limits))
            num_files = write_files(partial / FILES, files)
        else:
            num_files = _pin(pinnable(source, corpus, line.format), chosen, limits, partial)
        if num_files == 0:
            raise InputError(
                f"corpora.{corpus}: expected files for format {line.format} and language "
                f"{line.language!r}, got none from {line.source}"
                + "".join(f"; {why}" for _, why in chosen.refused[:1])
            )
        chosen.write_refused(partial / REFUSED)
        chosen.write_others(partial / NOT_USED)
        described = provenance(source, num_files)
        write_provenance(partial, described)
        if is_rewritten:
            drop_withdrawn(partial, corpus, line, described)


def _pin(source: Pinnable, chosen: ChosenFiles, limits: FetchParams, out: Path) -> int:
    with tempfile.TemporaryDirectory(dir=out) as spool:
        pins = pin_files(source, chosen, limits, Path(spool))
    write_pins(out / PINS, pins)
    return len(pins)
