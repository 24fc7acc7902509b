"""Prepare a corpus: screen each recording, reject repeated ones, write shards.

Workers screen recordings one by one (``asr/preparation/screening.py``). What depends on other
recordings is decided here. A recording that comes twice with one sentence is used once. A recording
that comes with different sentences is rejected each time: at most one of them is right, and nothing
says which. This is decided last, so that a text much too long for its recording contradicts
nothing: the Greek corpus has recordings of letter names both under the letter and under a sentence
on sign language, and the letter is to stay.

The second of two contradictory recordings may come last. So what passed is spooled to disk until
the whole corpus is screened; a few hundred bytes an utterance are in memory.
"""

import hashlib
import heapq
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from asr.core.errors import InputError
from asr.core.files import atomic_folder
from asr.corpora.raw_folder import Provenance
from asr.corpora.recording import Recording
from asr.preparation.inventory import Inventory
from asr.preparation.params import PrepareParams
from asr.preparation.rejects import Reason, Reject, write_rejects
from asr.preparation.reuse import PreparationCache, link_or_copy
from asr.preparation.screening import Failed, Passed, screen
from asr.preparation.spool import Spool, Spooled
from asr.utterances.partition import partition
from asr.utterances.shards import shard_name, write_shard
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE
from asr.workers.parallel import ordered_map
from asr.workers.workers import Workers

MIB = 1 << 20


@dataclass(frozen=True)
class Corpus:
    """What the utterances of one corpus have in common."""

    name: str
    language: str
    provenance: Provenance


@dataclass(frozen=True)
class Outs:
    """The files that `prepare` writes for a corpus.

    Attributes:
        shards: folder.
        rejects: CSV of what was rejected, each with its reason.
        inventory: CSV of all recordings.
        validation: JSON, the inventory summed up.
    """

    shards: Path
    rejects: Path
    inventory: Path
    validation: Path


def prepare_corpus(
    corpus: Corpus,
    recordings: Iterable[Recording],
    params: PrepareParams,
    outs: Outs,
    workers: Workers,
    cache: PreparationCache,
) -> None:
    """Screen the recordings and write all ``outs``.

    Neither ``workers`` nor the content of ``cache`` changes what is written.

    Raises:
        InputError: if there is no recording, or none passes, or a larger share than
            ``params.max_rejected_share`` fails. All but the shards are written first.
    """
    if params.max_utterances:
        recordings = few(recordings, params.max_utterances)
    folder = outs.shards.parent
    with (
        atomic_folder(outs.shards) as partial,
        tempfile.TemporaryFile(dir=folder) as file,
        tempfile.TemporaryFile("w+", dir=folder, encoding="utf-8", newline="") as rows,
    ):
        spool, inventory = Spool(file, cache), Inventory(corpus.name, rows)
        passed, rejects = _screened(corpus, recordings, params, workers, cache, spool, inventory)
        unique, repeated = _without_repeats(passed, spool)
        rejects += repeated
        write_rejects(outs.rejects, rejects)
        inventory.write(outs.inventory, (clip.id for clip in unique), repeated)
        inventory.write_validation(outs.validation, map(_duration_s, unique), rejects)
        _check_losses(corpus.name, len(unique), rejects, params, outs.rejects)
        _write_shards(unique, spool, cache, partial, params.shard_mb * MIB)
        _cache_others(passed, unique, spool, cache, params.shard_mb * MIB)
    if not params.max_utterances:  # or the next run would decode the rest again
        cache.prune()


def _write_shards(
    clips: list[Spooled], spool: Spool, cache: PreparationCache, folder: Path, max_bytes: int
) -> None:
    """Write each shard, or link the cached one that has the same rows."""
    shards = partition(clips, max_bytes, lambda clip: (clip.id, clip.samples_size))
    for number, rows in enumerate(shards):
        path = folder / shard_name(number)
        key = cache.shard_key(map(spool.row, rows))
        if same := cache.shard(key):
            link_or_copy(same, path)
        else:
            write_shard(path, ((spool.utterance(row), spool.samples(row)) for row in rows))
        cache.put_shard(key, path)


def _cache_others(
    passed: list[Spooled],
    used: list[Spooled],
    spool: Spool,
    cache: PreparationCache,
    max_bytes: int,
) -> None:
    """Give the cache the recordings that passed and are in no shard, or it would lack them."""
    in_shards = {clip.recording for clip in used}
    others: dict[bytes, Spooled] = {}
    for clip in passed:
        if clip.recording not in in_shards:
            others.setdefault(clip.recording, clip)
    for rows in partition(others.values(), max_bytes, lambda clip: (clip.id, clip.samples_size)):
        key = cache.shard_key(map(spool.row, rows))
        clips = ((spool.utterance(row), spool.samples(row)) for row in rows)
        cache.put_clips(key, clips, stays=True)


def _duration_s(clip: Spooled) -> float:
    return clip.samples_size / (2 * SAMPLE_RATE)


def few(recordings: Iterable[Recording], max_utterances: int) -> list[Recording]:
    """Choose recordings for a quick look: by hash, so spread over the corpus and always the same.

    Twice as many as the utterances asked for, since some will be rejected.
    """

    def spread(recording: Recording) -> str:
        return hashlib.sha256(recording.name.encode()).hexdigest()

    return heapq.nsmallest(2 * max_utterances, recordings, key=spread)


def _screened(
    corpus: Corpus,
    recordings: Iterable[Recording],
    params: PrepareParams,
    workers: Workers,
    cache: PreparationCache,
    spool: Spool,
    inventory: Inventory,
) -> tuple[list[Spooled], list[Reject]]:
    """Screen each recording and append what passes to ``spool``."""
    passed: list[Spooled] = []
    rejects: list[Reject] = []
    names: set[str] = set()
    screened = ordered_map(
        partial(screen, params=params),
        recordings,
        workers,
        name=lambda recording: recording.file,
        size=lambda recording: len(recording.audio),
        known=cache.outcomes,
    )
    # Closed as soon as the loop ends early, or workers would go on.
    with closing(screened):
        for recording, outcomes in tqdm(
            screened, desc=f"prepare {corpus.name}", unit=" recordings", disable=None
        ):
            cache.put(recording, outcomes)
            inventory.add(
                recording,
                outcomes,
                recording.language or corpus.language,
                recording.license or corpus.provenance.license,
            )
            for outcome in outcomes:
                if outcome.name in names:
                    raise InputError(f"{recording.file}: name {outcome.name!r} appears twice")
                names.add(outcome.name)
                if isinstance(outcome, Failed):
                    rejects.append(_reject(corpus, recording, outcome))
                else:
                    utterance = utterance_of(corpus, recording, outcome)
                    passed.append(spool.add(utterance, recording.file, outcome.samples))
            if params.max_utterances and len(passed) >= params.max_utterances:
                del passed[params.max_utterances :]
                break
    if not names:
        raise InputError(f"corpora.{corpus.name}: expected recordings, got none")
    return passed, rejects


def utterance_of(corpus: Corpus, recording: Recording, outcome: Passed) -> Utterance:
    """Join what screening found with what the source and the corpus say."""
    return Utterance(
        id=f"{corpus.name}/{outcome.name}",
        corpus=corpus.name,
        text=outcome.text,
        duration_s=outcome.duration_s,
        language=recording.language or corpus.language,
        speaker_id=recording.speaker_id,
        # Segments of one recording share its voice and room, so they must stay in one split.
        session_id=recording.session_id or (recording.file if recording.segments else None),
        license=recording.license or corpus.provenance.license,
        source=f"{corpus.provenance.origin}:{recording.file}",
        sha256=outcome.sha256,
        attributes=recording.attributes | outcome.attributes,
        shard="",
        row=0,
    )


def _reject(corpus: Corpus, recording: Recording, failed: Failed) -> Reject:
    return Reject(
        f"{corpus.name}/{failed.name}",
        failed.reason,
        failed.detail,
        failed.duration_s,
        failed.text,
        recording.file,
    )


def _without_repeats(passed: list[Spooled], spool: Spool) -> tuple[list[Spooled], list[Reject]]:
    """Use each recording once, or never if its sentences differ; the order stays."""
    first_of: dict[bytes, Spooled] = {}
    contrary_of: dict[bytes, Spooled] = {}  # the first that has another sentence
    for clip in passed:
        first = first_of.setdefault(clip.recording, clip)
        if clip.sentence != first.sentence:
            contrary_of.setdefault(clip.recording, clip)
    unique: list[Spooled] = []
    rejects: list[Reject] = []
    for clip in passed:
        first, contrary = first_of[clip.recording], contrary_of.get(clip.recording)
        if contrary:
            reason = Reason.CONTRADICTORY_TRANSCRIPT
            other = contrary if clip.sentence == first.sentence else first
        elif clip is not first:
            reason, other = Reason.DUPLICATE, first
        else:
            unique.append(clip)
            continue
        one = spool.utterance(clip)
        detail = f"same recording as {other.id}: {spool.utterance(other).text}"
        rejects.append(Reject(one.id, reason, detail, one.duration_s, one.text, spool.file(clip)))
    return unique, rejects


def _check_losses(
    name: str, num_passed: int, rejects: list[Reject], params: PrepareParams, rejects_csv: Path
) -> None:
    """Stop if too many recordings fail: the corpus is broken, or its format is another.

    Recordings that are duplicates, withdrawn or in no table don't count as lost, nor do pieces of a
    long recording: a model that is bad at the language is sure of only two thirds of them. A quick
    look has too few recordings for a share to mean anything.
    """
    counts = Counter(reject.reason for reject in rejects)
    not_lost = (
        Reason.DUPLICATE, Reason.WITHDRAWN, Reason.UNLISTED, Reason.ALIGNMENT_FAILED,
    )  # fmt: skip
    num_lost = len(rejects) - sum(counts[reason] for reason in not_lost)
    share = num_lost / ((num_passed + num_lost) or 1)
    if num_passed and (params.max_utterances or share <= params.max_rejected_share):
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
    first = next((r.detail for r in rejects if r.reason not in not_lost), "")
    raise InputError(
        f"corpora.{name}: {num_lost} of {num_passed + num_lost} recordings are unusable, a share "
        f"of {share:.3f}, where prepare.max_rejected_share is {params.max_rejected_share} "
        f"({reasons}); see {rejects_csv}; the first: {first:.300}"
    )
