"""From a corpus's recordings to utterances worth learning from, and the others with their reasons.

Each recording is screened by itself (``asr/preparation/screening.py``), on every core. What needs
to know the others is decided here. A recording that comes twice with one sentence is kept once. One
that comes with different sentences is rejected each time: at most one is right, nothing says which.
That is decided last, so that a text much too long for its recording contradicts nothing: Greek
files the names of letters under the letter and under a sentence on sign language, and keeps the
letter.

What passed waits on disk until all of it was heard, since the second of two contradictory
recordings may come last; in memory are a few hundred bytes an utterance.
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
from asr.core.files import whole_folder
from asr.corpora.raw_folder import Provenance
from asr.corpora.recording import Recording
from asr.preparation.inventory import Inventory
from asr.preparation.params import PrepareParams
from asr.preparation.rejects import Reason, Reject, write_rejects
from asr.preparation.reuse import LastRun, link_or_copy
from asr.preparation.screening import Failed, Passed, judge
from asr.preparation.spool import Heard, Waiting
from asr.utterances.shards import partition, shard_name, write_shard
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
    """Where a corpus goes.

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
    last: LastRun,
) -> None:
    """Write all that ``outs`` names.

    What is written does not depend on ``workers``, nor on what ``last`` knows.

    Raises:
        InputError: if there is no recording, or none passes, or more than
            ``params.max_rejected_share`` don't; all but the shards is written all the same.
    """
    if params.max_utterances:
        recordings = _few(recordings, params.max_utterances)
    folder = outs.shards.parent
    with (
        whole_folder(outs.shards) as beside,
        tempfile.TemporaryFile(dir=folder) as file,
        tempfile.TemporaryFile("w+", dir=folder, encoding="utf-8", newline="") as rows,
    ):
        waiting, inventory = Waiting(file, last), Inventory(corpus.name, rows)
        heard, rejects = _hear(corpus, recordings, params, workers, waiting, inventory)
        kept, repeated = _settle(heard, waiting)
        rejects += repeated
        write_rejects(outs.rejects, rejects)
        inventory.write(outs.inventory, (clip.id for clip in kept), repeated)
        inventory.write_validation(outs.validation, map(_duration_s, kept), rejects)
        _check_losses(corpus.name, len(kept), rejects, params, outs.rejects)
        _write(kept, waiting, last, beside, params.shard_mb * MIB)
    if not params.max_utterances:  # a quick look must not make the whole be decoded again
        written = {clip.recording for clip in kept}
        last.done(clip.recording for clip in heard if clip.recording not in written)


def _write(
    kept: list[Heard], waiting: Waiting, last: LastRun, folder: Path, max_bytes: int
) -> None:
    """Write the shards, or link those that the last run wrote with the same rows."""
    shards = partition(kept, max_bytes, lambda clip: (clip.id, clip.samples_size))
    for number, clips in enumerate(shards):
        path = folder / shard_name(number)
        name = last.shard_of(waiting.row(clip) for clip in clips)
        if same := last.shard(name):
            link_or_copy(same, path)
        else:
            write_shard(path, ((waiting.utterance(c), waiting.samples(c)) for c in clips))
        last.keep_shard(name, path, (clip.recording for clip in clips))


def _duration_s(clip: Heard) -> float:
    return clip.samples_size / (2 * SAMPLE_RATE)


def _few(recordings: Iterable[Recording], max_utterances: int) -> list[Recording]:
    """Recordings enough for a quick look: spread over the corpus, the same ones each time.

    Twice as many as asked for, since some will be rejected.
    """

    def spread(recording: Recording) -> str:
        return hashlib.sha256(recording.name.encode()).hexdigest()

    return heapq.nsmallest(2 * max_utterances, recordings, key=spread)


def _hear(
    corpus: Corpus,
    recordings: Iterable[Recording],
    params: PrepareParams,
    workers: Workers,
    waiting: Waiting,
    inventory: Inventory,
) -> tuple[list[Heard], list[Reject]]:
    """Decode and judge each recording by itself; what passes goes to the end of ``waiting``."""
    heard: list[Heard] = []
    rejects: list[Reject] = []
    seen: set[str] = set()
    last = waiting.last
    judged = ordered_map(
        partial(judge, params=params),
        recordings,
        workers,
        name=lambda recording: recording.file,
        size=lambda recording: len(recording.audio),
        known=last.outcomes,
    )
    # Closed at once where the loop ends early, so that no worker outlives it.
    with closing(judged):
        for recording, outcomes in tqdm(
            judged, desc=f"prepare {corpus.name}", unit=" recordings", disable=None
        ):
            last.keep(recording, outcomes)
            inventory.add(
                recording,
                outcomes,
                recording.language or corpus.language,
                recording.license or corpus.provenance.license,
            )
            for outcome in outcomes:
                if outcome.name in seen:
                    raise InputError(f"{recording.file}: name {outcome.name!r} appears twice")
                seen.add(outcome.name)
                if isinstance(outcome, Failed):
                    rejects.append(_reject(corpus, recording, outcome))
                else:
                    utterance = _utterance(corpus, recording, outcome)
                    heard.append(waiting.add(utterance, recording.file, outcome.samples))
            if params.max_utterances and len(heard) >= params.max_utterances:
                del heard[params.max_utterances :]
                break
    if not seen:
        raise InputError(f"corpora.{corpus.name}: expected recordings, got none")
    return heard, rejects


def _utterance(corpus: Corpus, recording: Recording, passed: Passed) -> Utterance:
    """What was heard, with what the source and the corpus say of it."""
    return Utterance(
        id=f"{corpus.name}/{passed.name}",
        corpus=corpus.name,
        text=passed.text,
        duration_s=passed.duration_s,
        language=recording.language or corpus.language,
        speaker_id=recording.speaker_id,
        # Segments of one recording are one voice in one room: no two splits may have them.
        session_id=recording.session_id or (recording.file if recording.segments else None),
        license=recording.license or corpus.provenance.license,
        source=f"{corpus.provenance.origin}:{recording.file}",
        sha256=passed.sha256,
        attributes=recording.attributes | passed.attributes,
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


def _settle(heard: list[Heard], waiting: Waiting) -> tuple[list[Heard], list[Reject]]:
    """Keep one of each recording, or none where its sentences differ; the order stays."""
    first_of: dict[bytes, Heard] = {}
    contrary_of: dict[bytes, Heard] = {}  # the first whose sentence is not the first one's
    for clip in heard:
        first = first_of.setdefault(clip.recording, clip)
        if clip.sentence != first.sentence:
            contrary_of.setdefault(clip.recording, clip)
    kept: list[Heard] = []
    rejects: list[Reject] = []
    for clip in heard:
        first, contrary = first_of[clip.recording], contrary_of.get(clip.recording)
        if contrary:
            reason = Reason.CONTRADICTORY_TRANSCRIPT
            other = contrary if clip.sentence == first.sentence else first
        elif clip is not first:
            reason, other = Reason.DUPLICATE, first
        else:
            kept.append(clip)
            continue
        one = waiting.utterance(clip)
        detail = f"same recording as {other.id}: {waiting.utterance(other).text}"
        rejects.append(Reject(one.id, reason, detail, one.duration_s, one.text, waiting.file(clip)))
    return kept, rejects


def _check_losses(
    name: str, num_kept: int, rejects: list[Reject], params: PrepareParams, rejects_csv: Path
) -> None:
    """Stop for a corpus that is mostly bad: something is wrong with it, or with how it is read.

    Duplicates don't count, since nothing is lost with them, nor does what was withdrawn; and a
    quick look sees too few for a share to mean anything.
    """
    counts = Counter(reject.reason for reject in rejects)
    num_lost = len(rejects) - counts[Reason.DUPLICATE] - counts[Reason.WITHDRAWN]
    share = num_lost / (num_kept + num_lost)
    if num_kept and (params.max_utterances or share <= params.max_rejected_share):
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
    raise InputError(
        f"corpora.{name}: {num_lost} of {num_kept + num_lost} recordings are unusable, a share of "
        f"{share:.3f}, where prepare.max_rejected_share is {params.max_rejected_share} "
        f"({reasons}); see {rejects_csv}"
    )
