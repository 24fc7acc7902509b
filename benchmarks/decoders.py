"""What is compared in decoding: ours, and the tools that people would use instead."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from ctranslate2.converters import TransformersConverter
from faster_whisper import BatchedInferencePipeline, WhisperModel
from transformers import pipeline

from asr.audio import SAMPLE_RATE
from asr.context import read_margin
from asr.decoding import transcribe_all
from asr.families.whisper.decode import open_engine
from asr.schemas.decode import Params as DecodeParams
from asr.utterance import Utterance

Decoder = Callable[[Sequence[Any], Sequence[Utterance]], list[str]]


def ours(model: Path, params: DecodeParams, num_threads: int) -> Decoder:
    """The transcribe stage's own decoding."""
    engine = open_engine(model, torch.device("cpu"), params, num_threads)
    margin_s = read_margin(model, params.fallback_margin_s)

    def run(waveforms: Sequence[Any], utterances: Sequence[Utterance]) -> list[str]:
        hypotheses, _ = transcribe_all(engine, waveforms, utterances, margin_s, params)
        return [hypothesis.text for hypothesis in hypotheses]

    return run


def convert(model: Path, folder: Path) -> Path:
    """CTranslate2's own conversion, as anyone would make it who serves the model."""
    TransformersConverter(
        str(model), copy_files=["tokenizer.json", "preprocessor_config.json"]
    ).convert(str(folder))
    return folder


def faster_whisper(
    converted: Path, precision: str, num_beams: int, num_threads: int, *, stock: bool = False
) -> Decoder:
    """faster-whisper's ``transcribe``, one clip after another as it is made to.

    Its search is the same plain one as ours, or, if ``stock``, all that it does unasked: it asks
    for timestamps and tries up to five times hotter what it finds unlikely.
    """
    whisper = WhisperModel(
        str(converted), device="cpu", compute_type=precision, cpu_threads=num_threads
    )
    plain: dict[str, Any] = {
        "temperature": 0.0, "without_timestamps": True, "condition_on_previous_text": False,
    }  # fmt: skip

    def run(waveforms: Sequence[Any], utterances: Sequence[Utterance]) -> list[str]:
        texts = []
        for waveform, utterance in zip(waveforms, utterances, strict=True):
            segments, _ = whisper.transcribe(
                waveform,
                language=utterance.language,
                beam_size=num_beams,
                **({} if stock else plain),
            )
            texts.append(" ".join(segment.text for segment in segments))
        return texts

    return run


def faster_whisper_batched(
    converted: Path, precision: str, num_beams: int, num_threads: int
) -> Decoder:
    """faster-whisper's batched pipeline, which batches the parts of one recording."""
    whisper = WhisperModel(
        str(converted), device="cpu", compute_type=precision, cpu_threads=num_threads
    )
    batched = BatchedInferencePipeline(whisper)

    def run(waveforms: Sequence[Any], utterances: Sequence[Utterance]) -> list[str]:
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


def transformers_pipeline(model: Path, num_beams: int, batch_size: int = 8) -> Decoder:
    """transformers' pipeline, clips of one language a batch."""
    task = "transcribe"
    recognise: Any = pipeline("automatic-speech-recognition", model=str(model), device="cpu")

    def run(waveforms: Sequence[Any], utterances: Sequence[Utterance]) -> list[str]:
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
