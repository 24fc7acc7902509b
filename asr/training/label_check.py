"""Check the labels of a training set before the first step, as the family's batches hold them.

The loss also falls with wrong labels, and the model learns to start twice, never to end, or to
write another language. So transcripts go through the family's own ``batch``, and the result is
compared with the utterance: all of a corpus, or a sample of a large one, as 0.4 ms each would be
minutes. Only a sample of the clips is read: features take most of the time.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.core.errors import InputError
from asr.families.protocols import CachesEncoder, Trainee
from asr.features.batching import batches_by_length
from asr.training.augmentation.epoch import epoch_examples
from asr.training.augmentation.examples import (
    Example,
    TokenLimit,
    example_utterance,
    example_waveform,
    previous_texts,
)
from asr.training.labels import (
    AUDIO,
    ClipLabels,
    LabelRules,
    Parts,
    check_clip,
    fault,
    plain,
    spelled,
)
from asr.training.params import TrainParams
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Clips, Waveform

NUM_TEXTS = 20_000  # transcripts at most; a fault of one in 2,000 is missed once in 22,000 times
NUM_SAMPLED = 64  # clips whose audio and features are checked
BATCH_CLIPS = 32  # of batches in which only the transcripts count
# Stands in for each clip of such a batch: its features take 0.6 ms.
SILENCE: Waveform = np.zeros(SAMPLE_RATE // 10, np.float32)
# Largest difference of features alone and in a batch. It is 0 where NumPy computes each clip by
# itself; what torch computes for a batch may round in another way.
TOLERANCE = 1e-5


@dataclass
class LabelReport:
    """Counts of the checked labels.

    Attributes:
        num_utterances: those whose labels were checked.
        num_clips: those whose audio and features were checked too.
        num_lossy: transcripts with letters that the tokenizer lacks.
        counts: tokens of each of all transcripts, in their order.
        num_too_long: of all transcripts, those that the loss leaves out: too long for their clips.
        num_labels: tokens of the transcripts, without end tokens.
        max_labels: tokens of the longest one.
        num_prompt: tokens of the prompts.
        audio_s: seconds of the utterances.
        example: one utterance: its id, text, prompt and labels.
    """

    counts: npt.NDArray[np.int32]
    num_utterances: int = 0
    num_clips: int = 0
    num_lossy: int = 0
    num_too_long: int = 0
    num_labels: int = 0
    max_labels: int = 0
    num_prompt: int = 0
    audio_s: float = 0.0
    example: dict[str, str] = field(default_factory=dict)

    def add(self, utterance: Utterance, parts: Parts, rules: LabelRules) -> None:
        """Count an utterance; the first becomes the example."""
        self.num_utterances += 1
        # A family may write lower case alone, and loses no letter.
        written, text = (
            plain(one).casefold() for one in (rules.written(utterance.text), utterance.text)
        )
        self.num_lossy += written != text
        self.num_labels += len(parts.text)
        self.max_labels = max(self.max_labels, len(parts.text))
        self.num_prompt += sum(token != AUDIO for token in parts.prompt)
        self.audio_s += utterance.duration_s
        if not self.example:
            end = [] if rules.end is None else [rules.end]
            self.example = {
                "id": utterance.id,
                "text": utterance.text,
                "prompt": spelled(parts.prompt, rules),
                "labels": spelled([*parts.text, *end], rules),
            }

    def metrics(self) -> dict[str, float]:
        """Section ``labels`` of ``metrics/train.json``.

        Rounded, because the file is hashed. The seconds of the check are not in it: they vary.
        """
        return {
            "num_utterances": self.num_utterances,
            "num_clips": self.num_clips,
            "num_lossy": self.num_lossy,
            "num_too_long": self.num_too_long,
            "max_labels": self.max_labels,
            "mean_labels": round(self.num_labels / self.num_utterances, 3),
            "labels_per_s": round(self.num_labels / self.audio_s, 3),
            "prompt_share": round(self.num_prompt / (self.num_prompt + self.num_labels), 4),
        }


def check_labels(
    trainee: Trainee,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    params: TrainParams,
    max_duration_s: float,
    seed: int,
) -> LabelReport:
    """Check the labels of a training set, and a sample of its clips.

    Args:
        trainee: the model.
        waveforms: waveforms of the training set.
        utterances: the same clips, with target texts.
        params: section ``train``.
        max_duration_s: the family's longest clip.
        seed: chooses the sample.

    Raises:
        InputError: at the first fault; names the utterance, what was expected and what was found.
    """
    if not utterances:
        raise InputError("labels: expected utterances to train on, got none")
    counts = np.array([trainee.num_labels(one.text, one.language) for one in utterances], np.int32)
    num_too_long = sum(map(partial(_is_too_long, trainee), utterances, counts.tolist()))
    report = LabelReport(counts, num_too_long=num_too_long)
    _check_texts(trainee, _sampled(utterances, seed), report)
    rng = random.Random(f"labels-{seed}")
    sample = sorted(rng.sample(range(len(utterances)), min(NUM_SAMPLED, len(utterances))))
    chosen, clips = [utterances[i] for i in sample], [waveforms[i] for i in sample]
    for utterance, clip in zip(chosen, clips, strict=True):
        _check_audio(utterance, clip)
    _check_features(trainee, chosen, clips, params.batch_seconds)
    previous = previous_texts(utterances)
    examples = _examples(trainee, chosen, params, max_duration_s, rng)
    _check_examples(trainee, chosen, clips, [previous[i] for i in sample], examples)
    report.num_clips = len(sample)
    return report


def _sampled(utterances: Sequence[Utterance], seed: int) -> Sequence[Utterance]:
    if len(utterances) <= NUM_TEXTS:
        return utterances
    chosen = random.Random(f"texts-{seed}").sample(range(len(utterances)), NUM_TEXTS)
    return [utterances[index] for index in sorted(chosen)]


def _check_texts(trainee: Trainee, utterances: Sequence[Utterance], report: LabelReport) -> None:
    """Check what the batches hold of the transcripts, without random changes; count them."""
    rules = trainee.label_rules
    for start in range(0, len(utterances), BATCH_CLIPS):
        some = utterances[start : start + BATCH_CLIPS]
        built = _labels(trainee, [SILENCE] * len(some), some, None)
        for utterance, one in zip(some, built, strict=True):
            report.add(utterance, check_clip(utterance, one, rules), rules)


def _is_too_long(trainee: Trainee, utterance: Utterance, num_labels: int) -> bool:
    most = trainee.max_labels(utterance.duration_s)
    if num_labels > most and not trainee.label_rules.skips_long:
        expected = f"at most {most} tokens in {utterance.duration_s:g} s"
        raise fault(utterance, "labels", expected, f"{num_labels} for {utterance.text!r:.80}")
    return num_labels > most


def _labels(
    trainee: Trainee,
    waveforms: Sequence[Waveform],
    utterances: Sequence[Utterance],
    seeds: Sequence[int] | None,
) -> list[ClipLabels]:
    """Labels of a batch as training builds it, with or without cached encoder outputs."""
    seconds = max(trainee.seconds(len(waveform) / SAMPLE_RATE) for waveform in waveforms)
    if isinstance(trainee, CachesEncoder) and trainee.cache_encoder:
        nothing = np.zeros((trainee.num_positions(seconds), trainee.encoder_width), np.float16)
        batch = trainee.cached_batch([nothing] * len(utterances), utterances, seeds)
    else:
        batch = trainee.batch(waveforms, utterances, seconds, seeds, zeros=False)
    return trainee.clip_labels(batch)


def _check_audio(utterance: Utterance, clip: Waveform) -> None:
    seconds = len(clip) / SAMPLE_RATE
    if abs(seconds - utterance.duration_s) > 0.001:
        raise fault(utterance, "audio", f"{utterance.duration_s:g} s", f"{seconds:g} s")
    if not np.isfinite(clip).all():
        raise fault(utterance, "audio", "finite samples", "samples that are infinite or no number")
    if clip.max() == clip.min():
        raise fault(utterance, "audio", "sound", f"silence: all samples are {clip[0]:g}")


def _check_features(
    trainee: Trainee,
    utterances: Sequence[Utterance],
    clips: Sequence[Waveform],
    batch_seconds: float,
) -> None:
    """Check that each clip has the same features and labels in a batch as alone."""
    durations_s = [len(clip) / SAMPLE_RATE for clip in clips]
    for batch in batches_by_length(durations_s, trainee.seconds, batch_seconds):
        some = [utterances[i] for i in batch.indices]
        waveforms = [clips[i] for i in batch.indices]
        built = trainee.batch(waveforms, some, batch.context_s, None, zeros=False)
        rows = trainee.clip_labels(built)
        for index, together in zip(batch.indices, rows, strict=True):
            utterance, seconds = utterances[index], trainee.seconds(durations_s[index])
            built = trainee.batch([clips[index]], [utterance], seconds, None, zeros=False)
            alone = trainee.clip_labels(built)[0]
            check_clip(utterance, together, trainee.label_rules)
            if list(together.read[: len(alone.read)]) != list(alone.read):
                expected, got = (spelled(o.read, trainee.label_rules) for o in (alone, together))
                raise fault(utterance, "tokens in a batch", f"{expected!r}, as alone", repr(got))
            _check_same(utterance, alone.features, together.features)


def _check_same(utterance: Utterance, alone: Any, together: Any) -> None:
    """Check features, up to the last frame that the clip has alone."""
    if alone is None or together is None:
        raise fault(utterance, "features", "what the encoder reads", "none")
    alone, together = alone.float().cpu(), together.float().cpu()
    if not alone.isfinite().all() or alone.max() == alone.min():
        got = f"{alone.max():g} as the highest value, {alone.min():g} as the lowest"
        raise fault(utterance, "features", "those of a sound", got)
    if together.shape[-1] < alone.shape[-1]:
        expected = f"{alone.shape[-1]} frames in a batch too"
        raise fault(utterance, "features", expected, str(together.shape[-1]))
    difference = float((alone - together[..., : alone.shape[-1]]).abs().max())
    if not difference <= TOLERANCE:
        got = f"a difference of {difference:.2g}"
        raise fault(utterance, "features", "the same in a batch as alone", got)


def _examples(
    trainee: Trainee,
    utterances: Sequence[Utterance],
    params: TrainParams,
    max_duration_s: float,
    rng: random.Random,
) -> Sequence[Example]:
    """Examples as an epoch draws them, some joined."""
    num_labels = [trainee.num_labels(one.text, one.language) for one in utterances]
    return epoch_examples(
        range(len(utterances)),
        [one.duration_s for one in utterances],
        [(one.corpus, one.language) for one in utterances],
        TokenLimit(num_labels, trainee.max_labels, max_duration_s),
        params.join,
        params.speed_change,
        rng,
    )


def _check_examples(
    trainee: Trainee,
    utterances: Sequence[Utterance],
    clips: Sequence[Waveform],
    previous: Sequence[str | None],
    examples: Sequence[Example],
) -> None:
    """Check examples with the random changes of the family, such as token dropout."""
    for example in examples:
        drawn = example_utterance(example, utterances, previous)
        waveform = example_waveform(example, clips)
        one = _labels(trainee, [waveform], [drawn], [example.seed])[0]
        # Not the example's own text: a fault of joining is to be found too.
        text = " ".join(utterances[piece.index].text for piece in example.pieces)
        expected = utterances[example.pieces[0].index].model_copy(
            update={"id": drawn.id, "text": text}
        )
        check_clip(expected, one, trainee.label_rules, dropout=True)
