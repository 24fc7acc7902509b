"""The decoders to compare: ours, and the tools that people use instead.

Each function loads a tool and returns its decoding function. It runs in the tool's own process and
imports the tool's packages there, so that no other tool's memory includes them.
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
from benchmarks.in_turn import Loader, Work
from benchmarks.measure import Timing, timed

Decoder = Callable[[Sequence[Waveform], Sequence[Utterance]], list[str]]
ENCODER_FRAMES_PER_S = 50
# whisper.cpp rejects shorter audio.
SHORTEST_S = 1.0
# The same plain search as ours: no timestamps, no second try for unlikely texts.
PLAIN: dict[str, Any] = {
    "temperature": 0.0, "without_timestamps": True, "condition_on_previous_text": False,
}  # fmt: skip


def loader(load: Callable[..., Decoder], *given: Any, **named: Any) -> Loader:
    """A tool for ``measure_in_turn``: parts are lists of clips, outcomes lists of texts."""
    return partial(_load, partial(load, *given, **named))


def _load(load: Callable[[], Decoder]) -> Work:
    decode = load()

    def work(clips: Sequence[Clip]) -> tuple[Timing, list[str]]:
        waveforms, utterances = zip(*clips, strict=True)
        with timed() as timing:
            texts = decode(waveforms, utterances)
        return timing, texts

    return work


def ours(
    model: Path, params: DecodeParams, own: WhisperDecodeParams, machine: MachineParams
) -> Decoder:
    """The transcribe stage's own decoding."""
    from asr.families.whisper.decoding import computed_seconds, open_engine

    engine = open_engine(model, machine, params, own)
    seconds = computed_seconds(model, own)

    def run(waveforms: Sequence[Waveform], utterances: Sequence[Utterance]) -> list[str]:
        per_letter = {u.language: 1.0 for u in utterances}  # as in the starter corpora
        hypotheses, _ = transcribe_all(engine, waveforms, utterances, seconds, params, per_letter)
        return [hypothesis.text for hypothesis in hypotheses]

    return run


def faster_whisper(
    converted: Path, precision: str, num_beams: int, num_threads: int, *, stock: bool = False
) -> Decoder:
    """faster-whisper's ``transcribe``, one clip at a time, as the tool is designed.

    Its search is the same plain one as ours. With ``stock`` it uses its defaults: it decodes
    timestamps, and retries unlikely texts up to five times at higher temperatures.
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
    """openai-whisper's ``transcribe``, greedy, in float32, because a CPU allows no other."""
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
    """whisper.cpp, greedy, one clip at a time.

    Args:
        file: a GGML file.
        num_threads: for whisper.cpp.
        margin_s: seconds of context beyond the clip, by its ``audio_ctx``; None: 30 s in all.
        params: section ``decode``, for the token budget.
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
                short = {"audio_ctx": frames, "max_tokens": token_budget(u.duration_s, params, 1.0)}
            segments = whisper.transcribe(_padded(waveform), language=u.language, **short)
            texts.append(" ".join(segment.text for segment in segments))
        return texts

    return run


def _padded(waveform: Waveform) -> Waveform:
    """Append silence to a waveform that is too short for whisper.cpp."""
    missing = round(SHORTEST_S * SAMPLE_RATE) + 1 - len(waveform)
    return np.pad(waveform, (0, max(0, missing)))


def transformers_pipeline(
    model: Path, num_beams: int, num_threads: int, batch_size: int = 8
) -> Decoder:
    """transformers' pipeline; each batch has clips of one language."""
    import torch
    from transformers import pipeline

    torch.set_num_threads(num_threads)
    task = "transcribe"
    recognise: Any = pipeline("automatic-speech-recognition", model=str(model), device="cpu")

    def run(waveforms: Sequence[Waveform], utterances: Sequence[Utterance]) -> list[str]:
        texts = [""] * len(utterances)
        for language in sorted({utterance.language for utterance in utterances}):
            indices = [i for i, u in enumerate(utterances) if u.language == language]
            results = recognise(
                [{"raw": waveforms[i], "sampling_rate": SAMPLE_RATE} for i in indices],
                batch_size=batch_size,
                generate_kwargs={"language": language, "task": task, "num_beams": num_beams},
            )
            for index, result in zip(indices, results, strict=True):
                texts[index] = result["text"]
        return texts

    return run
