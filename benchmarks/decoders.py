"""What is compared in decoding: ours, and the tools that people would use instead.

Each function loads its tool and returns what decodes; it is called in the tool's own process, and
imports what the tool needs there: another tool's memory shall hold none of it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import token_budget, transcribe_all
from asr.devices.params import MachineParams
from asr.families.whisper.decoding.params import WhisperDecodeParams
from asr.families.whisper.window import context_s
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform
from benchmarks.corpora import Clip
from benchmarks.measure import Lap, timed
from benchmarks.race import Entry, Work

Decoder = Callable[[Sequence[Waveform], Sequence[Utterance]], list[str]]
ENCODER_FRAMES_PER_S = 50
# whisper.cpp refuses to hear less.
SHORTEST_S = 1.0
# The plain search that ours does: no timestamps, no second try at what looks unlikely.
PLAIN: dict[str, Any] = {
    "temperature": 0.0, "without_timestamps": True, "condition_on_previous_text": False,
}  # fmt: skip


def entry(load: Callable[..., Decoder], *given: Any, **named: Any) -> Entry:
    """A competitor for ``race``, whose parts are lists of clips and whose outcomes are texts."""
    return partial(_load, partial(load, *given, **named))


def _load(load: Callable[[], Decoder]) -> Work:
    decode = load()

    def work(clips: Sequence[Clip]) -> tuple[Lap, list[str]]:
        waveforms, utterances = zip(*clips, strict=True)
        with timed() as lap:
            texts = decode(waveforms, utterances)
        return lap, texts

    return work


def ours(
    model: Path, params: DecodeParams, own: WhisperDecodeParams, machine: MachineParams
) -> Decoder:
    """The transcribe stage's own decoding."""
    from asr.families.whisper.decoding import computed_seconds, open_engine

    engine = open_engine(model, machine, params, own)
    seconds = computed_seconds(model, own)

    def run(waveforms: Sequence[Waveform], utterances: Sequence[Utterance]) -> list[str]:
        hypotheses, _ = transcribe_all(engine, waveforms, utterances, seconds, params)
        return [hypothesis.text for hypothesis in hypotheses]

    return run


def faster_whisper(
    converted: Path, precision: str, num_beams: int, num_threads: int, *, stock: bool = False
) -> Decoder:
    """faster-whisper's ``transcribe``, one clip after another as it is made to.

    Its search is the same plain one as ours, or, if ``stock``, all that it does unasked: it asks
    for timestamps and tries up to five times hotter what it finds unlikely.
    """
    from faster_whisper import WhisperModel

    whisper = WhisperModel(
        str(converted), device="cpu", compute_type=precision, cpu_threads=num_threads
    )

    def run(waveforms: Sequence[Waveform], utterances: Sequence[Utterance]) -> list[str]:
        texts = []
        for waveform, utterance in zip(waveforms, utterances, strict=True):
            segments, _ = whisper.transcribe(
                waveform,
                language=utterance.language,
                beam_size=num_beams,
                **({} if stock else PLAIN),
            )
            texts.append(" ".join(segment.text for segment in segments))
        return texts

    return run


def faster_whisper_batched(
    converted: Path, precision: str, num_beams: int, num_threads: int
) -> Decoder:
    """faster-whisper's batched pipeline, which batches the parts of one recording."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    whisper = WhisperModel(
        str(converted), device="cpu", compute_type=precision, cpu_threads=num_threads
    )
    batched = BatchedInferencePipeline(whisper)

    def run(waveforms: Sequence[Waveform], utterances: Sequence[Utterance]) -> list[str]:
        texts = []
        for waveform, utterance in zip(waveforms, utterances, strict=True):
            whole = [{"start": 0.0, "end": len(waveform) / SAMPLE_RATE}]
            segments, _ = batched.transcribe(
                waveform,
                language=utterance.language,
                beam_size=num_beams,
                temperature=0.0,
                vad_filter=False,
                clip_timestamps=whole,
            )
            texts.append(" ".join(segment.text for segment in segments))
        return texts

    return run


def openai_whisper(checkpoint: Path, num_threads: int) -> Decoder:
    """openai-whisper's ``transcribe``, greedy, in float32 as it must be on a CPU."""
    import torch
    import whisper as openai

    torch.set_num_threads(num_threads)
    model = openai.load_model(str(checkpoint), device="cpu")

    def run(waveforms: Sequence[Waveform], utterances: Sequence[Utterance]) -> list[str]:
        return [
            openai.transcribe(model, waveform, language=u.language, fp16=False, **PLAIN)["text"]
            for waveform, u in zip(waveforms, utterances, strict=True)
        ]

    return run


def whisper_cpp(
    file: Path, num_threads: int, margin_s: float | None, params: DecodeParams
) -> Decoder:
    """whisper.cpp, greedy, one clip after another.

    Args:
        file: a GGML file.
        num_threads: of its own.
        margin_s: of the context that it computes beyond the clip (its ``audio_ctx``); None leaves
            it at 30 s.
        params: section ``decode``, for the tokens that a clip may have.
    """
    from pywhispercpp.model import Model

    whisper = Model(
        str(file),
        n_threads=num_threads,
        print_progress=False,
        no_timestamps=True,
        single_segment=True,
        temperature_inc=0.0,
        redirect_whispercpp_logs_to=None,
    )

    def run(waveforms: Sequence[Waveform], utterances: Sequence[Utterance]) -> list[str]:
        texts = []
        for waveform, u in zip(waveforms, utterances, strict=True):
            short: dict[str, int] = {}
            if margin_s is not None:
                frames = round(context_s(u.duration_s, margin_s) * ENCODER_FRAMES_PER_S)
                short = {"audio_ctx": frames, "max_tokens": token_budget(u.duration_s, params)}
            segments = whisper.transcribe(_at_least(waveform), language=u.language, **short)
            texts.append(" ".join(segment.text for segment in segments))
        return texts

    return run


def _at_least(waveform: Waveform) -> Waveform:
    """The waveform, with silence behind it where it is shorter than whisper.cpp takes."""
    missing = round(SHORTEST_S * SAMPLE_RATE) + 1 - len(waveform)
    return np.pad(waveform, (0, max(0, missing)))


def transformers_pipeline(
    model: Path, num_beams: int, num_threads: int, batch_size: int = 8
) -> Decoder:
    """transformers' pipeline, clips of one language a batch."""
    import torch
    from transformers import pipeline

    torch.set_num_threads(num_threads)
    task = "transcribe"
    recognise: Any = pipeline("automatic-speech-recognition", model=str(model), device="cpu")

    def run(waveforms: Sequence[Waveform], utterances: Sequence[Utterance]) -> list[str]:
        texts = [""] * len(utterances)
        for language in sorted({utterance.language for utterance in utterances}):
            indices = [i for i, u in enumerate(utterances) if u.language == language]
            heard = recognise(
                [{"raw": waveforms[i], "sampling_rate": SAMPLE_RATE} for i in indices],
                batch_size=batch_size,
                generate_kwargs={"language": language, "task": task, "num_beams": num_beams},
            )
            for index, result in zip(indices, heard, strict=True):
                texts[index] = result["text"]
        return texts

    return run
