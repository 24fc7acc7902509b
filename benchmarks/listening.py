"""Whether a speech_llm listens: loss and word errors with its own audio, another clip's, or none.

    python -m benchmarks.listening models/tuned --base models/base

A language model that ignores the audio still learns the texts: its loss falls, its words are
likely, and WER stays near 1. So the loss is taken on the same transcripts with each clip's own
audio, with that of another clip of the language, with the encoder's output set to zero, and by the
language model of ``--base`` without any audio. WER is that of greedy search; the interval is of the
paired bootstrap.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from asr.core.params import load_params
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import tokens_per_letter, transcribe_all
from asr.devices.device import use_machine
from asr.devices.params import MachineParams
from asr.families.speech_llm.decoding import OwnParams, computed_seconds, open_engine
from asr.families.speech_llm.model.inputs import cached_audio, own_context_s
from asr.families.speech_llm.model.model import SpeechLlm, load
from asr.families.speech_llm.tokens import open_tokens
from asr.families.speech_llm.training.loss import SummedLoss, loss_batch
from asr.networks.whisper_encoder import encode_clips
from asr.text.error_rate import char_errors, pooled
from asr.utterances.utterance import Utterance
from benchmarks.accuracy import clip_errors, difference, wer
from benchmarks.corpora import Clip, read_corpus
from benchmarks.measure import write_result

MANIFEST = Path("data/manifests/test.jsonl")
NUM_CLIPS, QUICK_CLIPS = 100_000, 8
BATCH_CLIPS = 16
MAX_REPEATS = 12

Outputs = list[npt.NDArray[np.float16]]


def others(utterances: Sequence[Utterance], seed: int = 1) -> list[int]:
    """For each clip the index of another one of its language, each once.

    A language's clips change places in one circle, so none stays at its own.
    """
    rng = random.Random(seed)
    other = list(range(len(utterances)))
    for language in sorted({one.language for one in utterances}):
        circle = [i for i, one in enumerate(utterances) if one.language == language]
        rng.shuffle(circle)
        for here, there in zip(circle, [*circle[1:], circle[0]], strict=True):
            other[here] = there
    return other


def encoder_outputs(model: SpeechLlm, clips: Sequence[Clip]) -> Outputs:
    """The encoder's output for each clip alone, shape (num_positions, width)."""
    return [
        encode_clips(model.encoder, [waveform], own_context_s(waveform, model.joint.margin_s))[
            0
        ].astype(np.float16)
        for waveform, _ in clips
    ]


@torch.inference_mode()
def loss(model: SpeechLlm, outputs: Outputs, utterances: Sequence[Utterance]) -> float:
    """Nats per token of the transcripts, after these encoder outputs; the end token counts too."""
    summed = SummedLoss(model.eval())
    total, num_targets = 0.0, 0
    order = sorted(range(len(outputs)), key=lambda i: (len(outputs[i]), i))
    for start in range(0, len(order), BATCH_CLIPS):
        chosen = order[start : start + BATCH_CLIPS]
        audio = cached_audio([outputs[i] for i in chosen])
        batch = loss_batch(model, audio, [utterances[i] for i in chosen])
        total += summed(batch).item()
        num_targets += batch.num_targets
    return round(total / num_targets, 4)


def losses(folder: Path, base: Path, clips: Sequence[Clip]) -> dict[str, float]:
    """The loss of each kind of audio; see above."""
    utterances = [utterance for _, utterance in clips]
    model = load(folder, torch.device("cpu"))
    outputs = encoder_outputs(model, clips)
    none = [output[:0] for output in outputs]
    found = {
        "own audio": loss(model, outputs, utterances),
        "another clip's audio": loss(model, [outputs[i] for i in others(utterances)], utterances),
        "zeros for audio": loss(model, [0 * output for output in outputs], utterances),
        "no audio": loss(model, none, utterances),
    }
    return found | {"no audio, base": loss(load(base, torch.device("cpu")), none, utterances)}


def texts(folder: Path, clips: Sequence[Clip], params: DecodeParams) -> list[str]:
    """Transcribe clips greedily."""
    machine = load_params("machine", MachineParams).model_copy(update={"device": "cpu"})
    own = OwnParams(max_repeats=MAX_REPEATS)
    waveforms, utterances = [waveform for waveform, _ in clips], [one for _, one in clips]
    params = params.model_copy(update={"num_beams": 1})
    engine = open_engine(folder, machine, params, own)
    per_letter = tokens_per_letter(utterances, open_tokens(folder))
    hypotheses, _ = transcribe_all(
        engine, waveforms, utterances, computed_seconds(folder, own), params, per_letter
    )
    return [one.text for one in hypotheses]


def with_audio_of(clips: Sequence[Clip], other: Sequence[int]) -> list[Clip]:
    """Each utterance with the audio, and so the duration, of another."""
    return [
        (clips[i][0], utterance.model_copy(update={"duration_s": clips[i][1].duration_s}))
        for i, (_, utterance) in zip(other, clips, strict=True)
    ]


def measure(folder: Path, base: Path, clips: list[Clip], params: DecodeParams) -> dict[str, Any]:
    """Losses, WER and CER with each clip's own audio and with another's."""
    utterances = [utterance for _, utterance in clips]
    own = texts(folder, clips, params)
    shuffled = texts(folder, with_audio_of(clips, others(utterances)), params)
    errors, shuffled_errors = clip_errors(clips, own), clip_errors(clips, shuffled)
    return {
        "loss": losses(folder, base, clips),
        "wer": {"own audio": wer(errors), "another clip's audio": wer(shuffled_errors)},
        "cer": {"own audio": cer(clips, own), "another clip's audio": cer(clips, shuffled)},
        "difference of wer": difference(clips, errors, shuffled_errors),
        "examples": [
            {"reference": u.text, "own audio": a, "another clip's audio": b}
            for (_, u), a, b in zip(clips[:10], own, shuffled, strict=False)
        ],
    }


def cer(clips: Sequence[Clip], hypotheses: Sequence[str]) -> float:
    """Pooled CER of the bare texts, case-folded."""
    rate = pooled(
        char_errors(utterance.text.casefold(), text.casefold())
        for (_, utterance), text in zip(clips, hypotheses, strict=True)
    ).rate
    return round(rate or 0.0, 4)


def main() -> None:
    """Measure, print and write ``benchmarks/results/listening.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--base", type=Path, default=Path("models/base"))
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    parser.add_argument("--quick", action="store_true", help="few clips; prints, writes nothing")
    options = parser.parse_args()
    use_machine(load_params("machine", MachineParams).model_copy(update={"device": "cpu"}))
    count = QUICK_CLIPS if options.quick else NUM_CLIPS
    corpus = read_corpus("starter", options.manifest, count)
    params = load_params("decode", DecodeParams)
    result = {"clips": corpus.facts(), **measure(options.model, options.base, corpus.clips, params)}
    write_result("listening", result, keep=not options.quick)


if __name__ == "__main__":
    main()
