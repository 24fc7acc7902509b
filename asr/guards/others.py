"""Clips of other languages: fetched, drawn and decoded for few seconds of computing time.

The stages ``fetch`` and ``prepare`` would decode whole corpora, half an hour of speech each. Here
only drawn recordings are decoded, and a source is read once for all of its languages: the starter
package's takes nine seconds to decompress.
"""

import hashlib
import heapq
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from asr.core.errors import InputError
from asr.corpora.chosen_files import ChosenFiles
from asr.corpora.formats import corpus_format, read_corpus
from asr.corpora.params import TestSet
from asr.corpora.raw_folder import (
    FILES,
    Provenance,
    RawFiles,
    read_provenance,
    write_files,
    write_provenance,
)
from asr.corpora.recording import Recording
from asr.corpora.withdrawn import is_withdrawn
from asr.preparation.corpus import Corpus, Outs, prepare_corpus
from asr.preparation.params import PrepareParams
from asr.preparation.reuse import default_folder, preparation_cache
from asr.sources.corpus_source import fetch_files, load_source, provenance
from asr.sources.params import FetchParams
from asr.workers.workers import chosen_workers

# Recordings drawn for each utterance wanted: some are rejected, others share a sentence with train.
DRAWN = 2


def prepare_others(
    others: Mapping[str, TestSet], out: Path, params: PrepareParams, limits: FetchParams
) -> None:
    """Write the shards of each corpus into a folder of its name in ``out``.

    Raises:
        InputError: if a source is missing or has no file for a corpus, or no recording is usable.
    """
    # So few recordings that a share of rejects means nothing.
    params = params.model_copy(update={"max_rejected_share": 1.0})
    for source in dict.fromkeys(line.source for line in others.values()):
        own = {name: line for name, line in others.items() if line.source == source}
        with tempfile.TemporaryDirectory(dir=out) as scratch:
            raw = Path(scratch)
            fetch(source, own, raw, limits)
            for name, line in own.items():
                outs = Outs(out / name, raw / "rejects.csv", raw / "inventory.csv", raw / "v.json")
                corpus = Corpus(name, line.language, read_provenance(raw))
                with preparation_cache(default_folder(f"guard_{name}"), params) as cache:
                    prepare_corpus(
                        corpus, drawn(name, line, raw), params, outs, chosen_workers(), cache
                    )


def fetch(source_name: str, others: Mapping[str, TestSet], raw: Path, limits: FetchParams) -> None:
    """Fetch the files of all corpora that have one source, in one pass."""
    source = load_source(source_name)
    chosen = [ChosenFiles(corpus_format(line.format), line.language) for line in others.values()]

    def wants(file: str) -> bool:
        return any(one.wants(file) for one in chosen)

    files = (
        (file, content)
        for file, content in fetch_files(source, wants, limits)
        if not isinstance(content, InputError)
    )
    num_files = write_files(raw / FILES, files)
    if num_files == 0:
        raise InputError(f"guards.others: expected files of {sorted(others)} in {source_name}")
    write_provenance(raw, provenance(source, num_files))


def drawn(name: str, line: TestSet, raw: Path) -> list[Recording]:
    """Draw recordings by the hash of their ids, as test sets draw utterances."""
    found = _recordings(line, RawFiles(raw), read_provenance(raw))
    if not line.max_samples:
        return list(found)
    return heapq.nsmallest(DRAWN * line.max_samples, found, key=_hash_of(name))


def _recordings(line: TestSet, files: RawFiles, origin: Provenance) -> Iterator[Recording]:
    """The usable recordings; the tar also has those of other corpora, which no table lists."""
    for one in read_corpus(files, line):
        source = f"{origin.origin}:{one.file}"
        if not (
            one.unlisted
            or one.fault
            or is_withdrawn(line.withdrawn, one.speaker_id, source, one.attributes)
        ):
            yield one


def _hash_of(name: str) -> Callable[[Recording], bytes]:
    return lambda one: hashlib.sha256(f"{name}/{one.name}".encode()).digest()
