"""What the judge computes for a corpus; ``asr/audit/faults.py`` derives faults from it.

The judge is a model that was not trained on the corpus. Where its zero-shot recognition is bad, its
error rate says little about a transcript: Belarusian is at WER 0.85 though every transcript is
right. A contrast says more: how much more likely a transcript is with its own audio than with the
audio of other utterances. A wrong transcript gains nothing from its own audio.

Planted faults in the Belarusian starter corpus, area under the curve, swapped / other language:
character error rate 0.93 / 0.84, loss 1.00 / 0.95, contrast 1.00 / 0.94 (``benchmarks/audit.py``).
All three need seconds of context beyond the clip (``audit.margin_s``).
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
from asr.core.errors import InputError
from asr.core.files import fingerprint
from asr.core.hashing import hash64
from asr.core.locks import dvc_tmp
from asr.core.result_cache import ResultCache
from asr.devices.device import device_name
from asr.devices.params import MachineParams
from asr.families.protocols import Judge, JudgeScope, family_module
from asr.features.batching import Batch
from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Clips

# Of rapidfuzz's 100: «Sign for the letter K» fits the recording of «Sign for the letter E» nearly
# as well as its own.
MAX_SIMILARITY = 60.0
NUM_NEIGHBOURS = 40  # of about the same length, on each side; other clips are chosen among them
# Faster than anyone speaks where a token holds two letters: at this limit a hypothesis loops.
# In Georgian or Amharic a letter takes two or three tokens, so the transcript's tokens count too.
TOKENS_PER_S = 15.0
MIN_TOKEN_BUDGET = 16


@dataclass(frozen=True)
class JudgeResult:
    """What a judge computes for one clip.

    Attributes:
        log_probs: for each text that was scored with the clip, the natural log-probabilities of
            its tokens.
        hypothesis: greedy transcription.
        no_speech_prob: probability that nobody speaks.
        language: the most likely language of the speech, ISO 639.
    """

    log_probs: list[list[float]]
    hypothesis: str
    no_speech_prob: float
    language: str


@dataclass(frozen=True)
class Contrast:
    """An utterance's transcript, scored with its own audio and with that of others.

    Attributes:
        log_probs: natural log-probabilities of the transcript's tokens with its own audio.
        other_log_probs: the same with the audio of others, the mean over them; empty if the corpus
            has no other.
        result: all that the judge computed for the clip.
    """

    log_probs: list[float]
    other_log_probs: list[float]
    result: JudgeResult


def default_folder(corpus: str) -> Path:
    """The folder of a corpus's cached results, outside of what Git and DVC own."""
    return dvc_tmp() / "audit" / corpus


def judge_version(family: str, model: Path, precision: str, device: str = "cpu") -> str:
    """A hash of all that a judge's results depend on besides its inputs."""
    code = code_version(f"asr.families.{family}.judge")
    facts = {"code": code, "precision": precision, "device": device}
    return fingerprint(facts, [file for file in model.rglob("*") if file.is_file()])


def open_on_worker(params: AuditParams, model: Path, on_gpu: bool) -> Judge:
    """Open a judge with one thread or on a GPU, on a worker of a cluster."""
    device = "cuda" if on_gpu else "cpu"
    return family_module(params.judge.family, "judge").open_judge(model, params, 1, device)


def open_on_machine(params: AuditParams, model: Path, machine: MachineParams) -> tuple[Judge, str]:
    """Open a judge on the GPU if ``machine.device`` finds one, else on the CPU.

    Where the device is chosen (``auto``), a GPU that the judge can't use is no error.

    Returns:
        The judge, and its device.

    Raises:
        InputError: if the machine or the judge does not have the device.
    """
    open_judge = family_module(params.judge.family, "judge").open_judge
    if device_name(machine) == "cuda":
        try:
            return open_judge(model, params, machine.num_threads, "cuda"), "cuda"
        except InputError as error:
            if machine.device != "auto":
                raise
            tqdm.write(f"audit: {error}; the CPU is used")
    return open_judge(model, params, machine.num_threads), "cpu"


def score_corpus(
    judge: Judge,
    scope: JudgeScope,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    params: AuditParams,
    cache: ResultCache,
    version: str,
) -> list[Contrast]:
    """Score each transcript with its own audio and with that of ``params.num_others`` others.

    A batch that the cache has is not computed again. The cache changes no result.

    Args:
        judge: a model that was not trained on these utterances.
        scope: how many seconds it computes for a clip, and how many tokens a text has.
        waveforms: one a clip, float32, mono, 16 kHz.
        utterances: the same clips, all within ``scope``. Of a transcript that is too long for the
            decoder only the beginning is scored.
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

    def arguments(batch: Batch) -> list[Any]:
        """What the judge gets besides the audio: language, context, texts, token budgets."""
        chosen = [utterances[i] for i in batch.indices]
        return [
            chosen[0].language,
            batch.context_s,
            [[utterances[text].text for text in texts_of[i]] for i in batch.indices],
            [judge_budget(u, scope) for u in chosen],
        ]

    def inputs_of(batch: Batch) -> list[Any]:
        return [version, [utterances[i].sha256 for i in batch.indices], *arguments(batch)]

    def score(batch: Batch) -> list[JudgeResult]:
        return judge.score_clips([waveforms[i] for i in batch.indices], *arguments(batch))

    found: dict[int, JudgeResult] = {}
    missing: dict[Batch, Any] = {}  # with its inputs
    for batch in _batches(utterances, scope, params):
        if rows := cache.get(inputs := inputs_of(batch)):
            found.update(zip(batch.indices, (JudgeResult(**row) for row in rows), strict=True))
        else:
            missing[batch] = inputs
    with (
        tqdm(
            total=len(utterances), initial=len(found), unit="clip", desc="audit", disable=None
        ) as progress,
        ThreadPoolExecutor(judge.num_workers) as workers,
    ):
        for (batch, inputs), results in zip(
            missing.items(), workers.map(score, missing), strict=True
        ):
            cache.put(inputs, [asdict(one) for one in results])
            found.update(zip(batch.indices, results, strict=True))
            progress.update(len(results))
    cache.prune()
    contrasts = []
    for i, clips in enumerate(others):
        rows = [found[clip].log_probs[texts_of[clip].index(i)] for clip in clips]
        means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        contrasts.append(Contrast(found[i].log_probs[0], means, found[i]))
    return contrasts


def judge_budget(utterance: Utterance, scope: JudgeScope) -> int:
    """Most tokens of the judge's hypothesis; it can always write the transcript."""
    by_time = round(utterance.duration_s * TOKENS_PER_S)
    own = scope.num_labels(utterance.text, utterance.language)
    return max(MIN_TOKEN_BUDGET, by_time, own)


def other_clips(utterances: Sequence[Utterance], num_others: int, seed: int) -> list[list[int]]:
    """For each transcript, choose clips of others: of its language and length, with other words.

    There are fewer than ``num_others`` only if the corpus has no more. The choice is by hashes of
    pairs, so a new utterance changes few choices of the others.
    """
    keys = [sentence_key(utterance.text) for utterance in utterances]
    draws = [hash64(f"{seed} {utterance.id}") for utterance in utterances]
    chosen: list[list[int]] = [[] for _ in keys]
    by_language: dict[str, list[int]] = {}
    for i in sorted(range(len(keys)), key=lambda i: (len(keys[i]), utterances[i].id)):
        by_language.setdefault(utterances[i].language, []).append(i)
    places = ((order, place) for order in by_language.values() for place in range(len(order)))
    for order, place in places:
        i = order[place]
        shorter = order[max(0, place - NUM_NEIGHBOURS) : place]
        longer = order[place + 1 : place + 1 + NUM_NEIGHBOURS]
        near = [j for _, j in sorted((draws[i] ^ draws[j], j) for j in shorter + longer)]
        near_set = {i, *near}
        # Compared only if nothing near is unlike, or a large corpus would take hours.
        far = (j for j in order if j not in near_set)
        unlike = (j for j in chain(near, far) if ratio(keys[i], keys[j]) < MAX_SIMILARITY)
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
