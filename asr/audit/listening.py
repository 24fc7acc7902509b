"""Listening to a corpus with a model that did not train on it: measures, no verdicts yet.

Where zero-shot recognition is bad, its error rate says little about a transcript: Belarusian comes
out at a WER of 0.85 though every transcript is right. What tells is a contrast: how much likelier
a transcript is with its own audio than with that of other utterances. A wrong one gains nothing.

Planted faults in the Belarusian starter corpus, area under the curve, swapped / other language:
character error rate 0.93 / 0.84, loss 1.00 / 0.95, contrast 1.00 / 0.94 (``benchmarks/audit.py``).
All of it needs room: seconds of context beyond the clip.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from rapidfuzz.fuzz import ratio
from tqdm import tqdm

from asr.audit.batches import stable_batches
from asr.audit.params import AuditParams
from asr.core.closure import code_version
from asr.core.files import fingerprint
from asr.core.hashing import hash64
from asr.core.locks import dvc_tmp
from asr.core.result_cache import ResultCache
from asr.families.protocols import Judge, JudgeScope, family_module
from asr.features.batching import Batch
from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Clips

# «Sign for the letter K» fits the recording of «Sign for the letter E» nearly as well as its own.
MOST_ALIKE = 60.0  # of rapidfuzz's 100
NEIGHBOURS = 40  # of about the same length, among which others are drawn
TOKENS_PER_S = 15.0  # more than anyone says: where it ends, a hypothesis is in a loop
LEAST_BUDGET = 16


@dataclass(frozen=True)
class Heard:
    """What a judge makes of one clip.

    Attributes:
        log_probs: by text that it was given, the natural log-probability of each of its tokens.
        hypothesis: what it hears itself, greedily.
        no_speech_prob: how sure it is that nobody speaks.
        language: the likeliest language of the speech, ISO 639.
    """

    log_probs: list[list[float]]
    hypothesis: str
    no_speech_prob: float
    language: str


@dataclass(frozen=True)
class Contrast:
    """One utterance as it was heard.

    Attributes:
        log_probs: of the transcript's tokens, with its own audio.
        other_log_probs: of the same tokens, with the audio of others, the mean over them; empty
            where the corpus has no other.
        heard: the rest.
    """

    log_probs: list[float]
    other_log_probs: list[float]
    heard: Heard


def default_folder(corpus: str) -> Path:
    """Where lies what was heard of a corpus: outside of what Git and DVC own."""
    return dvc_tmp() / "audit" / corpus


def judge_version(family: str, model: Path, precision: str) -> str:
    """A name for all that a judge's answers hang on, but for what it is asked."""
    facts = {"code": code_version(f"asr.families.{family}.judge"), "precision": precision}
    return fingerprint(facts, [file for file in model.rglob("*") if file.is_file()])


def open_on_worker(params: AuditParams, model: Path, on_gpu: bool) -> Judge:
    """On a worker of a cluster: a judge on one core."""
    return family_module(params.judge.family, "judge").open_judge(model, params, 1)


def hear_corpus(
    judge: Judge,
    scope: JudgeScope,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    params: AuditParams,
    cache: ResultCache,
    version: str,
) -> list[Contrast]:
    """Let the judge hear every utterance, and every transcript with the audio of others too.

    A batch that this judge heard before is not heard again. Whether one was changes no result.

    Args:
        judge: a model that trained on none of them.
        scope: how much it computes for a clip.
        waveforms: one a clip, float32, mono, 16 kHz.
        utterances: the same clips, all of which it takes; of a transcript the judge reads what its
            decoder has room for.
        params: section ``audit``.
        cache: results of earlier runs, by batch.
        version: see ``judge_version``.

    Returns:
        One contrast an utterance, in order; the same for any number of workers.
    """
    others = other_clips(utterances, params.num_others, params.seed)
    texts_of: list[list[int]] = [[i] for i in range(len(utterances))]  # by clip, own text first
    for text, clips in enumerate(others):
        for clip in clips:
            texts_of[clip].append(text)

    def asked(batch: Batch) -> list[Any]:
        """What the judge is asked of a batch, but for the sound itself."""
        chosen = [utterances[i] for i in batch.indices]
        return [
            chosen[0].language,
            batch.context_s,
            [[utterances[text].text for text in texts_of[i]] for i in batch.indices],
            [max(LEAST_BUDGET, round(u.duration_s * TOKENS_PER_S)) for u in chosen],
        ]

    def inputs_of(batch: Batch) -> list[Any]:
        return [version, [utterances[i].sha256 for i in batch.indices], *asked(batch)]

    def hear(batch: Batch) -> list[Heard]:
        return judge.hear([waveforms[i] for i in batch.indices], *asked(batch))

    heard: dict[int, Heard] = {}
    unheard: dict[Batch, Any] = {}  # with what is asked of it
    for batch in _batches(utterances, scope, params):
        if answer := cache.get(inputs := inputs_of(batch)):
            heard.update(zip(batch.indices, (Heard(**one) for one in answer), strict=True))
        else:
            unheard[batch] = inputs
    with (
        tqdm(
            total=len(utterances), initial=len(heard), unit="clip", desc="audit", disable=None
        ) as progress,
        ThreadPoolExecutor(judge.num_workers) as workers,
    ):
        for (batch, inputs), results in zip(
            unheard.items(), workers.map(hear, unheard), strict=True
        ):
            cache.put(inputs, [asdict(one) for one in results])
            heard.update(zip(batch.indices, results, strict=True))
            progress.update(len(results))
    cache.prune()
    contrasts = []
    for i, clips in enumerate(others):
        rows = [heard[clip].log_probs[texts_of[clip].index(i)] for clip in clips]
        means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        contrasts.append(Contrast(heard[i].log_probs[0], means, heard[i]))
    return contrasts


def other_clips(utterances: Sequence[Utterance], num_others: int, seed: int) -> list[list[int]]:
    """For each transcript the clips of others to hear it with: of like length, unlike in words.

    Fewer than ``num_others`` only where the corpus has no more. A pair meets or not by what the two
    drew, so that an utterance which comes into a corpus changes few of the others' choices.
    """
    keys = [sentence_key(utterance.text) for utterance in utterances]
    draws = [hash64(f"{seed} {utterance.id}") for utterance in utterances]
    order = sorted(range(len(keys)), key=lambda i: (len(keys[i]), utterances[i].id))
    chosen: list[list[int]] = [[] for _ in keys]
    for place, i in enumerate(order):
        shorter = order[max(0, place - NEIGHBOURS) : place]
        longer = order[place + 1 : place + 1 + NEIGHBOURS]
        near = [j for _, j in sorted((draws[i] ^ draws[j], j) for j in shorter + longer)]
        near_set = {i, *near}
        # Looked at only where nothing near will do, or a large corpus would take hours.
        far = (j for j in order if j not in near_set)
        unlike = (j for j in chain(near, far) if ratio(keys[i], keys[j]) < MOST_ALIKE)
        chosen[i] = [j for _, j in zip(range(num_others), unlike, strict=False)]
    return chosen


def _batches(
    utterances: Sequence[Utterance], scope: JudgeScope, params: AuditParams
) -> Iterator[Batch]:
    """Batches of one language each, longest clips first."""
    for language in sorted({utterance.language for utterance in utterances}):
        clips = [i for i, utterance in enumerate(utterances) if utterance.language == language]
        ids = [utterances[i].id for i in clips]
        durations_s = [utterances[i].duration_s for i in clips]
        for batch in stable_batches(ids, durations_s, scope.seconds, params.batch_seconds):
            yield Batch(tuple(clips[i] for i in batch.indices), batch.context_s)
