"""Decode a corpus to 16 kHz mono Parquet shards and reject unusable recordings."""

from pathlib import Path

from asr.core.cli import run
from asr.core.params import load_corpus, load_params
from asr.corpora.params import Corpus as CorpusParams
from asr.corpora.pins import PINS
from asr.corpora.raw_folder import audio_bytes, read_provenance
from asr.corpora.withdrawn import read_recordings
from asr.preparation.corpus import Corpus, Outs, prepare_corpus
from asr.preparation.disk import Room
from asr.preparation.found_segments import with_segments
from asr.preparation.params import PrepareParams
from asr.preparation.reuse import default_folder, preparation_cache
from asr.preparation.streaming import prepare_streamed
from asr.sources.corpus_source import load_source
from asr.sources.params import FetchParams
from asr.sources.pinning import pinnable
from asr.workers.workers import chosen_workers


def prepare(
    corpus: str, raw: Path, segments: Path, out: Path, rejects: Path, inventory: Path,
    validation: Path,
) -> None:  # fmt: skip
    """Decode a corpus to 16 kHz mono Parquet shards and reject unusable recordings.

    Args:
        corpus: its key in ``params.yaml``.
        raw: folder that the stage ``fetch`` wrote. If it has pins alone, the files are downloaded
            one at a time, and removed.
        segments: folder with ``<corpus>.jsonl``, the times of long recordings that the stage
            ``segment`` found; further test sets have none.
        out: folder for the shards.
        rejects: CSV of the rejected recordings, each with its reason.
        inventory: CSV of all recordings.
        validation: JSON with a summary of the inventory.
    """
    line = load_corpus(corpus, CorpusParams)
    described = Corpus(corpus, line.language, read_provenance(raw))
    params = load_params("prepare", PrepareParams)
    outs = Outs(out, rejects, inventory, validation)
    workers = chosen_workers()
    if (raw / PINS).is_file():
        source = pinnable(load_source(line.source), corpus, line.format)
        limits = load_params("fetch", FetchParams)
        prepare_streamed(described, line, source, raw, params, limits, outs, workers)
        return
    recordings = with_segments(read_recordings(raw, line), segments / f"{corpus}.jsonl")
    room = Room(out, params.max_input_s, is_streamed=False)
    with room.full_disk_error(), preparation_cache(default_folder(corpus), params) as cache:
        if not params.max_utterances:
            recordings = room.check(recordings, audio_bytes(raw), cache)
        prepare_corpus(described, recordings, params, outs, workers, cache)


if __name__ == "__main__":
    run(prepare)
