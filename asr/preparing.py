"""From a corpus's recordings to utterances worth learning from, and the others with their reasons.

A recording that comes twice with one sentence is kept once. One that comes with different
sentences is rejected each time: at most one of them is right, and nothing says which. That is
decided last, so that a text much too long for its recording contradicts nothing: Greek files the
names of letters under the letter and under a sentence on sign language, and keeps the letter.

Audio that passed waits on disk until all of it was heard, since the second of two contradictory
recordings may come last; only one clip is in memory at a time.
"""

import hashlib
import heapq
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tqdm import tqdm

from asr.audio import SAMPLE_RATE, UndecodableError, decode, peak_dbfs, to_int16
from asr.errors import InputError
from asr.files import whole_folder
from asr.raw import Provenance, Recording
from asr.rejects import Reason, Reject, write_rejects
from asr.schemas.prepare import Params
from asr.sentence import has_digits, sentence_key
from asr.shards import write_shards
from asr.utterance import Utterance

MIB = 1 << 20


@dataclass(frozen=True)
class Corpus:
    """What the utterances of one corpus have in common."""

    name: str
    language: str
    provenance: Provenance


@dataclass(frozen=True)
class Heard:
    """A recording that passed, and where its samples wait.

    Attributes:
        utterance: complete but for its place in a shard.
        file: name of the recording's file in the source.
        offset: of its first byte in the waiting samples.
        size: in bytes.
    """

    utterance: Utterance
    file: str
    offset: int
    size: int


def prepare_corpus(
    corpus: Corpus, recordings: Iterable[Recording], params: Params, out: Path, rejects_csv: Path
) -> None:
    """Write a corpus's shards to the folder ``out`` and its rejects to ``rejects_csv``.

    Raises:
        InputError: if there is no recording, or none passes, or more than
            ``params.max_rejected_share`` don't; ``rejects_csv`` is written all the same.
    """
    if params.max_utterances:
        recordings = _few(recordings, params.max_utterances)
    with whole_folder(out) as beside, tempfile.TemporaryFile(dir=out.parent) as waiting:
        heard, rejects = _hear(corpus, recordings, params, waiting)
        kept, repeated = _settle(heard)
        rejects += repeated
        write_rejects(rejects_csv, rejects)
        _check_losses(corpus.name, len(kept), rejects, params, rejects_csv)
        clips = ((clip.utterance, _samples(waiting, clip)) for clip in kept)
        write_shards(beside, clips, params.shard_mb * MIB)


def _few(recordings: Iterable[Recording], max_utterances: int) -> list[Recording]:
    """Recordings enough for a quick look: spread over the corpus, the same ones each time.

    Twice as many as asked for, since some will be rejected.
    """

    def spread(recording: Recording) -> str:
        return hashlib.sha256(recording.name.encode()).hexdigest()

    return heapq.nsmallest(2 * max_utterances, recordings, key=spread)


def _hear(
    corpus: Corpus, recordings: Iterable[Recording], params: Params, waiting: IO[bytes]
) -> tuple[list[Heard], list[Reject]]:
    """Decode and judge each recording by itself; what passes goes to the end of ``waiting``."""
    heard: list[Heard] = []
    rejects: list[Reject] = []
    seen: set[str] = set()
    progress = tqdm(recordings, desc=f"prepare {corpus.name}", unit=" clips", disable=None)
    for recording in progress:
        if recording.name in seen:
            raise InputError(f"{recording.file}: name {recording.name!r} appears twice")
        seen.add(recording.name)
        verdict = _judge(corpus, recording, params)
        if isinstance(verdict, Reject):
            rejects.append(verdict)
            continue
        utterance, samples = verdict
        heard.append(Heard(utterance, recording.file, waiting.tell(), len(samples)))
        waiting.write(samples)
        if len(heard) == params.max_utterances:
            break
    if not seen:
        raise InputError(f"corpora.{corpus.name}: expected recordings, got none")
    return heard, rejects


def _judge(
    corpus: Corpus, recording: Recording, params: Params
) -> tuple[Utterance, bytes] | Reject:
    """The utterance and its int16 samples, or the first reason against it."""
    utterance_id = f"{corpus.name}/{recording.name}"
    text, duration_s = recording.text, None

    def reject(reason: Reason, detail: str) -> Reject:
        return Reject(utterance_id, reason, detail, duration_s, text, recording.file)

    if recording.fault is not None:
        return reject(Reason.UNREADABLE, recording.fault)
    if text is None or not sentence_key(text):
        return reject(Reason.NO_TRANSCRIPT, "no letter or digit")
    try:
        waveform = decode(recording.audio)
    except UndecodableError as error:
        return reject(Reason.UNDECODABLE, str(error))
    duration_s = round(len(waveform) / SAMPLE_RATE, 4)
    if fault := _fault(text, duration_s, peak_dbfs(waveform), params):
        return reject(*fault)
    samples = to_int16(waveform).tobytes()
    utterance = Utterance(
        id=utterance_id,
        corpus=corpus.name,
        text=text,
        duration_s=duration_s,
        language=recording.language or corpus.language,
        speaker_id=recording.speaker_id,
        session_id=recording.session_id,
        license=recording.license or corpus.provenance.license,
        source=f"{corpus.provenance.origin}:{recording.file}",
        sha256=hashlib.sha256(samples).hexdigest(),
        # Kept, and counted: the model has to guess whether "25" is to be written so.
        attributes=recording.attributes | ({"spelling": "digits"} if has_digits(text) else {}),
        shard="",
        row=0,
    )
    return utterance, samples


def _fault(text: str, duration_s: float, peak: float, params: Params) -> tuple[Reason, str] | None:
    """The first measure that is out of range, with its number."""
    if duration_s < params.min_duration_s:
        return Reason.TOO_SHORT, f"{duration_s} s"
    if duration_s > params.max_duration_s:
        return Reason.TOO_LONG, f"{duration_s} s"
    if peak < params.min_peak_dbfs:
        return Reason.NEAR_SILENT, f"peak {peak:.1f} dBFS"
    if (chars_per_s := len(text) / duration_s) > params.max_chars_per_s:
        return Reason.TOO_MANY_CHARS_PER_S, f"{chars_per_s:.1f} characters a second"
    return None


def _settle(heard: list[Heard]) -> tuple[list[Heard], list[Reject]]:
    """Keep one of each recording, or none where its sentences differ; the order stays."""
    same_recording: dict[str, list[Heard]] = defaultdict(list)
    for clip in heard:
        same_recording[clip.utterance.sha256].append(clip)
    kept: list[Heard] = []
    rejects: list[Reject] = []
    for clip in heard:
        first, *others = same_recording[clip.utterance.sha256]
        key = sentence_key(clip.utterance.text)
        contrary = [c for c in (first, *others) if sentence_key(c.utterance.text) != key]
        if contrary:
            reason, other = Reason.CONTRADICTORY_TRANSCRIPT, contrary[0].utterance
        elif clip is not first:
            reason, other = Reason.DUPLICATE, first.utterance
        else:
            kept.append(clip)
            continue
        detail = f"same recording as {other.id}: {other.text}"
        one = clip.utterance
        rejects.append(Reject(one.id, reason, detail, one.duration_s, one.text, clip.file))
    return kept, rejects


def _check_losses(
    name: str, num_kept: int, rejects: list[Reject], params: Params, rejects_csv: Path
) -> None:
    """Stop for a corpus that is mostly bad: something is wrong with it, or with how it is read.

    Duplicates don't count, since nothing is lost with them; and a quick look sees too few for a
    share to mean anything.
    """
    counts = Counter(reject.reason for reject in rejects)
    num_lost = len(rejects) - counts[Reason.DUPLICATE]
    share = num_lost / (num_kept + num_lost)
    if num_kept and (params.max_utterances or share <= params.max_rejected_share):
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
    raise InputError(
        f"corpora.{name}: {num_lost} of {num_kept + num_lost} recordings are unusable, a share of "
        f"{share:.3f}, where prepare.max_rejected_share is {params.max_rejected_share} "
        f"({reasons}); see {rejects_csv}"
    )


def _samples(waiting: IO[bytes], clip: Heard) -> bytes:
    waiting.seek(clip.offset)
    return waiting.read(clip.size)
